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
from snncc.commands.files import require_writable, write_whole
from snncc.commands.options import FILE, json_flag, preprocess, verbose
from snncc.errors import ModelError, OptionError, OutputError, SnnccError

if TYPE_CHECKING:
    import onnx

    from snncc.commands.comparison import Comparison

__all__ = ["convert"]

_PASSED_ON = ("preprocess", "normalize", "scale", "percentile", "match", "input_range", "fold_bn")


@click.command(short_help="Turn a ReLU network into a spiking network.")
@click.argument("model", type=FILE)
@click.option("-o", "--output", type=FILE, required=True, metavar="OUT", help="Where the spiking network goes.")
@click.option("--coding", type=click.Choice(["phase"]), default="phase", show_default=True, help="The neural code.")
@click.option("--T", "T", type=int, default=24, show_default=True, help="Number of phases.")
@click.option("--Q", "Q", type=float, default=1.2, show_default=True, help="Base of the levels Q^-p, 1 < Q <= 2.")
@click.option("--no-shift", is_flag=True, help="Floor to a level instead of rounding to the nearest.")
@click.option("--spikes", type=int, default=1, show_default=True, help="Spikes that a neuron may send, 1 to T.")
@click.option(
    "--input",
    "input_coding",
    type=click.Choice(["binary", "one", "analog"]),
    default="binary",
    show_default=True,
    help="How the network's input is coded.",
)
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
    type=click.Choice(["weights"]),
    default="weights",
    show_default=True,
    help="Where BatchNormalization goes.",
)
@click.option("--dump-dir", type=FILE, metavar="DIR", help="Write the graph after each pass into DIR, as text.")
@verbose
@json_flag
def convert(model: Path, output: Path, dump_dir: Path | None, as_json: bool, **options: Any) -> None:
    """Turn the ReLU network MODEL into a spiking network with the same inputs and outputs."""
    import snncc
    from snncc.commands.comparison import compare
    from snncc.evaluate import refuse_converted
    from snncc.loading import read_model

    require_writable(output)
    _refuse_overwriting(output, model, options["calib"])
    if options["calib"] and options["input_range"]:
        raise OptionError("--input-range says what --calib shows already; give one of them.")
    source = read_model(model)
    refuse_converted(source, str(model))
    converted = snncc.convert(
        model,
        snncc.Phase(
            T=options["T"],
            Q=options["Q"],
            shift=not options["no_shift"],
            spikes=options["spikes"],
            input=options["input_coding"],
        ),
        calibration=options["calib"],
        observer=_dumper(dump_dir) if dump_dir else None,
        **{key: options[key] for key in _PASSED_ON},
    )
    comparison = compare(source, converted, options["calib"], options["preprocess"], options["input_range"])
    write_whole(output, _serialised(converted))
    _print(output, _ops(source), _ops(converted), comparison, as_json)


def _refuse_overwriting(output: Path, model: Path, calibration: Path | None) -> None:
    for name, path in (("MODEL", model), ("--calib", calibration)):
        if path is not None and path.exists() and output.exists() and output.samefile(path):
            raise OutputError(f"{output}: is {name} itself, which would be overwritten. Give -o another name.")


def _serialised(model: onnx.ModelProto) -> bytes:
    from google.protobuf.message import EncodeError

    try:
        return bytes(model.SerializeToString(deterministic=True))
    except (EncodeError, ValueError) as error:
        raise ModelError(f"the converted model is larger than the 2 GiB of one ONNX file ({error}).") from error


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
    return Counter(n.op_type for n in model.graph.node if n.op_type != "Constant")


def _print(output: Path, before: Counter[str], after: Counter[str], comparison: Comparison, as_json: bool) -> None:
    if as_json:
        ops = {"before": dict(sorted(before.items())), "after": dict(sorted(after.items()))}
        print_json({"output": str(output), "ops": ops, "comparison": asdict(comparison)})
        return
    rows = [(op, before[op] or "", after[op] or "") for op in sorted(before | after)]
    print_table("Nodes", ("op", "before", "after"), [*rows, ("all", before.total(), after.total())])
    print_text(
        f"Outputs on {comparison.samples} samples ({comparison.data}): same answer in "
        f"{100 * comparison.agreement:.1f} %, mean difference {number(100 * comparison.error)} % of the mean output. "
        "`snncc evaluate` says more."
    )
    print_text(f"Wrote {output} ({output.stat().st_size / 1024:.0f} KiB).")
