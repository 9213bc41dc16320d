# SPDX-License-Identifier: Apache-2.0
"""`snncc run`: run a model, converted or not, on a file or folder of inputs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import numpy as np

from snncc.cli.output import number, print_json, print_table, print_text
from snncc.cli.shared_options import FILE, device, json_flag, limit, preprocess
from snncc.errors import OptionError
from snncc.io.atomic_write import write_whole
from snncc.io.npz import npz_bytes
from snncc.io.outputs import require_outputs

if TYPE_CHECKING:
    from collections.abc import Iterator

    import onnx

    from snncc.execution.spike_trains import SpikeTrains
    from snncc.io.batches import Batch, InputSpec

__all__ = ["run"]

_BATCH = 64


@dataclass(frozen=True)
class _Result:
    """What a run gave.

    Attributes:
        outputs: By name.
        over_time: Whether their first axis is time, and the second one the samples.
        steps: Time steps that each sample took; None: all in one pass.
        planned: Of a model of single steps, how many those are without early exit.
        trains: Spikes, where they were recorded.
    """

    outputs: dict[str, Any]
    over_time: bool = False
    steps: Any = None
    planned: int = 0
    trains: SpikeTrains | None = None


@click.command(short_help="Run a model on a file or folder of inputs.")
@click.argument("model", type=FILE, metavar="SNN")
@click.argument("data", type=FILE, metavar="INPUT")
@click.option("-o", "--output", type=FILE, metavar="OUT.npz", help="Save all outputs there, under their own names.")
@click.option(
    "--spikes",
    type=FILE,
    metavar="OUT.npz",
    help="Save every spike there. Of each layer of neurons: LAYER/bits, who fired at each step [T, N, bytes], for "
    "np.unpackbits; LAYER/shape, [T, N, ...]; LAYER/worth and LAYER/scale, whose product a spike of a step is worth, "
    "or LAYER/values, one for each spike; LAYER/signs, whose spikes are negative. `index` is JSON.",
)
@click.option(
    "--early-exit",
    type=click.FloatRange(min=0),
    metavar="MARGIN",
    help="Of a model of single time steps with rate or MSAT coding, stop a sample once the same class leads by MARGIN, "
    "in units of the first output, at two steps in a row.",
)
@preprocess
@limit
@device
@json_flag
def run(
    model: Path,
    data: Path,
    output: Path | None,
    spikes: Path | None,
    early_exit: float | None,
    as_json: bool,
    **options: Any,
) -> None:
    """Run SNN on INPUT: an .npy or .npz file, or a folder of images. Prints the top class of each sample."""
    from snncc.execution.converted_model import read_converted
    from snncc.execution.stream import is_single_step

    if spikes and early_exit is not None:
        raise click.UsageError("--spikes records all time steps, and --early-exit leaves some out; give one of them.")
    require_outputs({"-o": output, "--spikes": spikes}, [model, data])
    proto = read_converted(model)
    if spikes:
        result = _recorded(proto, data, **options)
    elif is_single_step(proto):
        result = _step_by_step(proto, data, early_exit=early_exit, **options)
    elif early_exit is not None:
        raise OptionError("--early-exit needs a model of single time steps; convert it with --form step")
    else:
        result = _in_one_pass(proto, data, **options)
    if output is not None:
        write_whole(output, npz_bytes(result.outputs))
    if spikes and result.trains:
        write_whole(spikes, result.trains.to_npz())
    _print(result, data, as_json)


def _recorded(proto: onnx.ModelProto, data: Path, device: str, **options: Any) -> _Result:
    from snncc.analysis.time_stacking import gives_steps
    from snncc.execution.spike_trains import spike_trains

    trains, outputs = spike_trains(proto, data, device=device, **options)
    return _Result(outputs, gives_steps(proto), trains=trains)


def _in_one_pass(proto: onnx.ModelProto, data: Path, device: str, **options: Any) -> _Result:
    from snncc.analysis.cpu_session import must_run
    from snncc.analysis.time_stacking import gives_steps
    from snncc.io.batches import specs_of
    from snncc.runtime import create_session

    session = create_session(proto, device=device)
    with must_run("the model"):
        results = [session.run(None, batch) for batch in _batches(proto, specs_of(proto), data, **options)]
    names = [output.name for output in proto.graph.output]
    over_time = gives_steps(proto)
    joined = (np.concatenate([np.atleast_1d(r[i]) for r in results], axis=int(over_time)) for i in range(len(names)))
    return _Result(dict(zip(names, joined, strict=True)), over_time)


def _step_by_step(proto: onnx.ModelProto, data: Path, device: str, early_exit: float | None, **options: Any) -> _Result:
    from snncc.analysis.cpu_session import must_run
    from snncc.execution.stream import Stream

    stream = Stream(proto, device)
    with must_run("the model"):
        parts = [stream.run(batch, early_exit) for batch in _batches(proto, stream.inputs, data, **options)]
    outputs = {name: np.concatenate([np.atleast_1d(p[0][name]) for p in parts]) for name in stream.outputs}
    return _Result(outputs, steps=np.concatenate([p[1] for p in parts]), planned=stream.steps)


def _batches(
    proto: onnx.ModelProto, specs: list[InputSpec], data: Path, preprocess: str | None, limit: int | None
) -> Iterator[Batch]:
    from snncc.analysis.time_stacking import fold_of, max_batch
    from snncc.io.batches import batches, count_of, first
    from snncc.io.input_specs import fixed_batch
    from snncc.io.preprocess import Preprocess
    from snncc.io.progress import track

    parsed = Preprocess.parse(preprocess) if preprocess else None
    count = count_of(data)
    size = max_batch(fold_of(proto), _BATCH)
    any_size = fixed_batch(specs) is None
    stream = first(batches(data, specs, preprocess=parsed, batch_size=size), limit, cut=any_size)
    return track(stream, "running", -(-min(count, limit or count) // size) if count else None)


def _print(result: _Result, data: Path, as_json: bool) -> None:
    from snncc.io.images import image_files

    name, first = next(iter(result.outputs.items()))
    shapes = {key: list(value.shape) for key, value in result.outputs.items()}
    first = first[-1] if result.over_time else first
    classes = first.argmax(1).tolist() if first.ndim == 2 and first.shape[1] > 1 else None
    layers = {layer.name: layer.count for layer in result.trains.layers} if result.trains else None
    if as_json:
        more = {} if result.steps is None else {"steps": result.steps.tolist()}
        print_json({"outputs": shapes, "top_class": classes, **more, **({"spikes": layers} if layers else {})})
        return
    if classes is None:
        print_table("Outputs", ("output", "shape"), shapes.items())
    else:
        samples = [path.name for path in image_files(data)] if data.is_dir() else range(len(classes))
        rows = [(sample, top, number(row[top])) for sample, top, row in zip(samples, classes, first, strict=False)]
        print_table(f"Top class by '{name}'", ("sample", "class", "value"), rows)
    if layers:
        print_table("Spikes", ("layer", "all samples"), [(layer, f"{count:,}") for layer, count in layers.items()])
    if result.steps is not None:
        print_text(f"Mean number of time steps: {number(result.steps.mean())} of {result.planned}.")
