# SPDX-License-Identifier: Apache-2.0
"""`snncc convert`: from model.onnx to snn.onnx."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from snncc.cli_tables import number, print_json, print_table, print_text
from snncc.coding import CODINGS
from snncc.commands.codings import CodingCommand, chosen, coding_options
from snncc.commands.files import require_writable, write_model, write_whole
from snncc.commands.options import FILE, json_flag, preprocess, verbose
from snncc.errors import OptionError, OutputError, SnnccError
from snncc.forms import FORMS
from snncc.passes.pipeline import FOLDS, WEIGHTS

if TYPE_CHECKING:
    import onnx

    from snncc.commands.comparison import Comparison

__all__ = ["convert"]

_SCALES = ("preprocess", "normalize", "scale", "percentile", "match", "input_range")
_PASSED_ON = (*_SCALES, "fold_bn", "weights", "form", "strict", "gates")


_FORMS = {
    "loop": "{steps} time steps run in a Loop, {chunk} at a time.",
    "step": "The network runs one of {steps} time steps per call; `snncc run` hands its states on.",
}


@click.command(cls=CodingCommand, short_help="Turn a ReLU network into a spiking network.")
@click.argument("model", type=FILE)
@click.option("-o", "--output", type=FILE, required=True, metavar="OUT", help="Where the spiking network goes.")
@click.option("--coding", type=click.Choice(list(CODINGS)), default="phase", show_default=True, help="The neural code.")
@click.option("--calib", type=FILE, metavar="PATH", help="Typical inputs: .npy, .npz or a folder of images.")
@preprocess
@click.option(
    "--normalize",
    type=click.Choice(["channel", "layer", "none"]),
    default="channel",
    show_default=True,
    help="One scale per channel or layer, folded into the weights; none: per channel, kept with the neuron.",
)
@click.option(
    "--scale",
    type=click.Choice(["max", "percentile", "least-squares"]),
    help="What of its activations becomes a neuron's scale.  [default: least-squares with --calib, else max]",
)
@click.option("--percentile", type=float, metavar="P", help="That percentile of the activations as scale.")
@click.option(
    "--match/--no-match",
    default=True,
    show_default=True,
    help="With --calib, match the mean and deviation of each channel's potential to MODEL's.",
)
@click.option(
    "--input-range", type=float, nargs=2, metavar="LO HI", help="Range of the input, where no --calib is given."
)
@click.option(
    "--fold-bn",
    type=click.Choice(FOLDS),
    default="weights",
    show_default=True,
    help="Where BatchNormalization goes; threshold: into the neurons behind it, so that weights stay as they were.",
)
@click.option(
    "--weights",
    type=click.Choice(WEIGHTS),
    default="float",
    show_default=True,
    help="float: as they are; int8: 8 bits, with a scale per output channel; int8-tensor: with one per layer.",
)
@click.option(
    "--form",
    type=click.Choice(FORMS),
    default="auto",
    show_default=True,
    help="folded: all time steps in one pass; loop: in an ONNX Loop, in bounded memory; step: a single time step with "
    "the neurons' states as inputs and outputs; auto: loop where folded would need much memory.",
)
@click.option("--strict", is_flag=True, help="Refuse ops that would stay analog, being neither synapses nor neurons.")
@click.option(
    "--gates",
    type=click.IntRange(min=1),
    metavar="K",
    help="Time steps of a gate of an LSTM, GRU or RNN, which is a few-spikes neuron whatever the coding.  "
    "[default: K with fs, else 16]",
)
@click.option("--dump-dir", type=FILE, metavar="DIR", help="Write the graph after each pass into DIR, as text.")
@coding_options
@verbose
@json_flag
@click.pass_context
def convert(
    ctx: click.Context, /, model: Path, output: Path, coding: str, dump_dir: Path | None, as_json: bool, **options: Any
) -> None:
    """Turn the ReLU network MODEL into a spiking network with the same inputs and outputs."""
    import snncc
    from snncc.commands.comparison import compare
    from snncc.evaluate import refuse_converted
    from snncc.export import metadata_of
    from snncc.loading import read_model

    neurons, arguments = chosen(ctx, coding)
    require_writable(output)
    _refuse_overwriting(output, model, options["calib"])
    if options["calib"] and options["input_range"]:
        raise OptionError("--input-range says what --calib shows already; give one of them.")
    source = read_model(model)
    refuse_converted(source, str(model))
    converted = snncc.convert(
        model,
        neurons,
        calibration=options["calib"],
        observer=_dumper(dump_dir) if dump_dir else None,
        **arguments,
        **{key: options[key] for key in _PASSED_ON},
    )
    described = metadata_of(converted)
    one_step = described["snncc.form"]["form"] == "step"  # its states are inputs that no data holds
    seen = (options["calib"], options["preprocess"], options["input_range"])
    comparison = None if one_step else compare(source, converted, *seen)
    size = write_model(output, converted)
    _print(output, size, _ops(source), _ops(converted), described, comparison, as_json)


def _refuse_overwriting(output: Path, model: Path, calibration: Path | None) -> None:
    for name, path in (("MODEL", model), ("--calib", calibration)):
        if path is not None and path.exists() and output.exists() and output.samefile(path):
            raise OutputError(f"{output}: is {name} itself, which would be overwritten. Give -o another name.")


def _dumper(folder: Path) -> Callable[[int, Any, Any], None]:
    written = 0

    def dump(_index: int, pass_: Any, graph: Any) -> None:
        nonlocal written
        written += 1  # the passes run in two groups, each counted from 0
        write_whole(folder / f"{written:02d}-{pass_.name}.txt", graph.text().encode())

    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        message = f"--dump-dir {folder}: cannot be made ({error.strerror}). Choose another folder."
        raise SnnccError(message) from error
    return dump


def _ops(model: onnx.ModelProto) -> Counter[str]:
    from snncc.export import all_nodes

    return Counter(n.op_type for n in all_nodes(model.graph) if n.op_type != "Constant")


def _print(
    output: Path,
    size: int,
    before: Counter[str],
    after: Counter[str],
    described: dict[str, Any],
    comparison: Comparison | None,
    as_json: bool,
) -> None:
    from snncc.commands.outcome_table import print_outcome

    islands, form = described["snncc.islands"], described["snncc.form"]
    if as_json:
        ops = {"before": dict(sorted(before.items())), "after": dict(sorted(after.items()))}
        compared = asdict(comparison) if comparison else None
        form = {key: value for key, value in form.items() if key != "states"}
        found = {"output": str(output), "ops": ops, "outcome": described["snncc.outcome"], "islands": islands}
        recurrent = described.get("snncc.recurrent", {})
        print_json({**found, "form": form, "comparison": compared, "recurrent": recurrent})
        return
    rows = [(op, before[op] or "", after[op] or "") for op in sorted(before | after)]
    print_table("Nodes", ("op", "before", "after"), [*rows, ("all", before.total(), after.total())])
    print_outcome(described["snncc.outcome"])
    if islands:
        named = ", ".join(f"{op} '{name}'" for name, op in islands.items())
        print_text(f"{len(islands)} op(s) stay analog, being neither synapses nor neurons: {named}.")
    if recurrent := described.get("snncc.recurrent"):
        layers = {f"{entry['op']} '{entry['replaces']}'" for entry in recurrent.values()}
        steps = next(iter(recurrent.values()))["K"]
        print_text(
            f"Gates of {len(layers)} recurrent layer(s) are few-spikes neurons of {steps} steps, their products with "
            f"states are analog: {', '.join(sorted(layers))}."
        )
    if form["form"] != "folded":
        print_text(_FORMS[form["form"]].format(**form))
    if comparison:
        print_text(
            f"Outputs on {comparison.samples} samples ({comparison.data}): same answer in "
            f"{100 * comparison.agreement:.1f} %, mean difference {number(100 * comparison.error)} % of the mean "
            "output. `snncc evaluate` says more."
        )
    print_text(f"Wrote {output} ({size / 1024:.0f} KiB).")
