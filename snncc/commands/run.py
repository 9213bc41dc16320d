# SPDX-License-Identifier: Apache-2.0
"""`snncc run`: a model, converted or not, on a file or folder of inputs."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import click
import numpy as np

from snncc.cli_tables import number, print_json, print_table
from snncc.commands.files import require_writable, write_whole
from snncc.commands.options import FILE, device, json_flag, limit, preprocess

__all__ = ["run"]


@click.command(short_help="Run a model on a file or folder of inputs.")
@click.argument("model", type=FILE, metavar="SNN")
@click.argument("data", type=FILE, metavar="INPUT")
@click.option("-o", "--output", type=FILE, metavar="OUT.npz", help="Save all outputs there, under their own names.")
@preprocess
@limit
@device
@json_flag
def run(
    model: Path,
    data: Path,
    output: Path | None,
    preprocess: str | None,
    limit: int | None,
    device: str,
    as_json: bool,
) -> None:
    """Run SNN on INPUT: an .npy or .npz file, or a folder of images. Prints the top class of each sample."""
    if output is not None:
        require_writable(output)
    outputs = _outputs(model, data, preprocess, limit, device)
    if output is not None:
        buffer = io.BytesIO()
        np.savez(buffer, **outputs)
        write_whole(output, buffer.getvalue())
    _print(outputs, data, as_json)


def _outputs(model: Path, data: Path, preprocess: str | None, limit: int | None, device: str) -> dict[str, Any]:
    from snncc.loading import read_model
    from snncc.preprocess import Preprocess
    from snncc.progress import track
    from snncc.runtime import create_session
    from snncc.samples import batches, count_of, first, specs_of

    proto = read_model(model)
    session = create_session(proto, device=device)
    parsed = Preprocess.parse(preprocess) if preprocess else None
    specs, count = specs_of(proto), count_of(data)
    any_size = not any(s.shape and isinstance(s.shape[0], int) for s in specs)
    stream = first(batches(data, specs, preprocess=parsed), limit, cut=any_size)
    number_of = -(-min(count, limit or count) // 64) if count else None
    results = [session.run(None, batch) for batch in track(stream, "running", number_of)]
    names = [output.name for output in proto.graph.output]
    return {name: np.concatenate([np.atleast_1d(r[i]) for r in results]) for i, name in enumerate(names)}


def _print(outputs: dict[str, Any], data: Path, as_json: bool) -> None:
    from snncc.sources import image_files

    name, first = next(iter(outputs.items()))
    shapes = {key: list(value.shape) for key, value in outputs.items()}
    classes = first.argmax(1).tolist() if first.ndim == 2 and first.shape[1] > 1 else None
    if as_json:
        print_json({"outputs": shapes, "top_class": classes})
    elif classes is None:
        print_table("Outputs", ("output", "shape"), shapes.items())
    else:
        samples = [path.name for path in image_files(data)] if data.is_dir() else range(len(classes))
        rows = [(sample, top, number(row[top])) for sample, top, row in zip(samples, classes, first, strict=False)]
        print_table(f"Top class by '{name}'", ("sample", "class", "value"), rows)
