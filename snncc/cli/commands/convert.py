# SPDX-License-Identifier: Apache-2.0
"""`snncc convert`: convert model.onnx to snn.onnx."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from snncc.cli.coding_parser import CodingCommand, chosen
from snncc.cli.conversion_options import PASSED_ON, conversion_options
from snncc.cli.output import number, print_json, print_table, print_text
from snncc.errors import OptionError, SnnccError
from snncc.io.atomic_write import write_model, write_whole
from snncc.io.outputs import require_outputs

if TYPE_CHECKING:
    import onnx

    from snncc.coding import Coding
    from snncc.tools.quick_compare import Comparison

__all__ = ["convert", "convert_and_print"]

log = logging.getLogger("snncc")

_FORMS = {
    "loop": "{steps} time steps run in a Loop, {chunk} at a time.",
    "step": "The network runs one of {steps} time steps per call; `snncc run` hands its states on.",
}


@click.command(cls=CodingCommand, short_help="Turn a ReLU network into a spiking network.")
@conversion_options
def convert(ctx: click.Context, /, **given: Any) -> None:
    """Turn the ReLU network MODEL into a spiking network with the same inputs and outputs."""
    convert_and_print(ctx, **given)


def convert_and_print(ctx: click.Context, /, **given: Any) -> None:
    """What `convert` and `tune` have in common."""
    from snncc.storage.mapped import left_in_files

    with left_in_files():
        _convert_and_print(ctx, **given)


def _convert_and_print(
    ctx: click.Context,
    /,
    *,
    model: Path,
    output: Path,
    coding: str,
    dump_dir: Path | None,
    as_json: bool,
    max_drop: float | None,
    tune: bool = False,
    **options: Any,
) -> None:
    from snncc.cli.max_drop import within_drop
    from snncc.compiler.convert import convert as to_spiking
    from snncc.evaluation.evaluate import refuse_converted
    from snncc.evaluation.spike_share import spike_share
    from snncc.io.model_reader import read_model
    from snncc.ir.metadata import metadata_of
    from snncc.tools.quick_compare import compare

    neurons, arguments = chosen(ctx, coding)
    require_outputs({"-o": output}, [model, options["calib"]])
    if options["calib"] and options["input_range"]:
        raise OptionError("--input-range says what --calib shows already; give one of them.")
    source = read_model(model)
    refuse_converted(source, str(model))
    arguments |= {key: options[key] for key in PASSED_ON} | {"calibration": options["calib"]}
    arguments |= {"tune": tune}
    arguments |= {"observer": _dumper(dump_dir) if dump_dir else None}
    recipes: list[dict[str, Any]] = []
    if max_drop is None:
        converted = to_spiking(model, neurons, **arguments)
    else:
        converted, recipes = within_drop(ctx, model, neurons, max_drop, arguments, as_json=as_json)
    described = metadata_of(converted)
    one_step = described["snncc.form"]["form"] == "step"  # its states are inputs that no data holds
    seen = (options["calib"], options["preprocess"], options["input_range"])
    comparison = None if one_step else compare(source, converted, *seen)
    share = spike_share(converted)
    if comparison is not None and comparison.differs:
        log.warning("%s", _advice(comparison, neurons, tuned=tune))
    size = write_model(output, converted)
    found: dict[str, Any] = {"output": str(output), "spike_share": share}
    found |= {"recipes": recipes} if recipes else {}
    _print(found, size, _ops(source), _ops(converted), described, comparison, as_json)


def _compared(found: Comparison) -> str:
    same = "" if found.agreement is None else f"same answer in {100 * found.agreement:.1f} %, "
    return (
        f"Outputs on {found.samples} samples ({found.data}): {same}mean difference {number(100 * found.error)} % of "
        "the mean output. `snncc evaluate` says more."
    )


def _advice(found: Comparison, coding: Coding, *, tuned: bool) -> str:
    """What to try if the outputs differ by much."""
    fits = coding.levels_with_data == "fitted" or "levels" not in coding.arguments
    ways = [] if found.calibrated else ["calibration data (--calib)"]
    ways += [] if fits or not coding.per_layer_levels else [f"fitted levels (without --{coding.base_field})"]
    ways += [f"more time steps (--{coding.steps_field} above {coding.steps})"]
    ways += [] if tuned else ["`snncc tune`"]
    ways += [] if coding.name == "differential" else ["--coding differential"]
    return f"the outputs differ clearly from those of the source network; try {', '.join(ways[:-1])} or {ways[-1]}"


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
    from snncc.ir.nodes import all_nodes

    return Counter(n.op_type for n in all_nodes(model.graph) if n.op_type != "Constant")


def _print(
    found: dict[str, Any],
    size: int,
    before: Counter[str],
    after: Counter[str],
    described: dict[str, Any],
    comparison: Comparison | None,
    as_json: bool,
) -> None:
    from snncc.cli.summary_table import print_levels, print_outcome

    analog_ops, form = described["snncc.islands"], described["snncc.form"]
    if as_json:
        ops = {"before": dict(sorted(before.items())), "after": dict(sorted(after.items()))}
        compared = asdict(comparison) if comparison else None
        form = {key: value for key, value in form.items() if key != "states"}
        found |= {"ops": ops, "outcome": described["snncc.outcome"], "islands": analog_ops}
        found |= {"tuning": described["snncc.tuning"]} if "snncc.tuning" in described else {}
        recurrent = described.get("snncc.recurrent", {})
        print_json({**found, "form": form, "comparison": compared, "recurrent": recurrent})
        return
    rows = [(op, before[op] or "", after[op] or "") for op in sorted(before | after)]
    print_table("Nodes", ("op", "before", "after"), [*rows, ("all", before.total(), after.total())])
    print_outcome(described["snncc.outcome"], found["spike_share"])
    print_levels(described["snncc.neurons"])
    if analog_ops:
        named = ", ".join(f"{op} '{name}'" for name, op in analog_ops.items())
        print_text(f"{len(analog_ops)} op(s) stay analog, being neither synapses nor neurons: {named}.")
    if recurrent := described.get("snncc.recurrent"):
        layers = {f"{entry['op']} '{entry['replaces']}'" for entry in recurrent.values()}
        steps = next(iter(recurrent.values()))["K"]
        print_text(
            f"Gates of {len(layers)} recurrent layer(s) are few-spikes neurons of {steps} steps, their products with "
            f"states are analog: {', '.join(sorted(layers))}."
        )
    if tuning := described.get("snncc.tuning"):
        errors = " -> ".join(number(100 * tuning["error"][key]) for key in ("untuned", "tuned"))
        print_text(f"Tuned: {tuning['taken']}; squared error of the outputs {errors} % of their variance.")
    if form["form"] != "folded":
        print_text(_FORMS[form["form"]].format(**form))
    if comparison:
        print_text(_compared(comparison))
    print_text(f"Wrote {found['output']} ({size / 1024:.0f} KiB).")
