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
from snncc.commands.options import FILE, device, json_flag, preprocess

__all__ = ["run"]


@click.command()
@click.argument("model", type=FILE, metavar="SNN")
@click.argument("data", type=FILE, metavar="INPUT")
@click.option("-o", "--output", type=FILE, metavar="OUT.npz", help="Save all outputs there, under their own names.")
@preprocess
@device
@json_flag
def run(model: Path, data: Path, output: Path | None, preprocess: str | None, device: str, as_json: bool) -> None:
    """Run SNN on INPUT: an .npy or .npz file, or a folder of images. Prints the top class of each sample."""
    if output is not None:
        require_writable(output)
    outputs = _outputs(model, data, preprocess, device)
    if output is not None:
        buffer = io.BytesIO()
        np.savez(buffer, **outputs)
        write_whole(output, buffer.getvalue())
    _print(outputs, as_json)


def _outputs(model: Path, data: Path, preprocess: str | None, device: str) -> dict[str, Any]:
    from snncc.loading import read_model
    from snncc.preprocess import Preprocess
    from snncc.progress import track
    from snncc.runtime import create_session
    from snncc.samples import batches, count_of, specs_of

    proto = read_model(model)
    session = create_session(proto, device=device)
    parsed = Preprocess.parse(preprocess) if preprocess else None
    stream = batches(data, specs_of(proto), preprocess=parsed)
    count = count_of(data)
    results = [session.run(None, batch) for batch in track(stream, "running", -(-count // 64) if count else None)]
    names = [output.name for output in proto.graph.output]
    return {name: np.concatenate([np.atleast_1d(r[i]) for r in results]) for i, name in enumerate(names)}


def _print(outputs: dict[str, Any], as_json: bool) -> None:
    name, first = next(iter(outputs.items()))
    shapes = {key: list(value.shape) for key, value in outputs.items()}
    classes = first.argmax(1).tolist() if first.ndim == 2 and first.shape[1] > 1 else None
    if as_json:
        print_json({"outputs": shapes, "top_class": classes})
    elif classes is None:
        print_table("Outputs", ("output", "shape"), shapes.items())
    else:
        rows = [(index, top, number(first[index, top])) for index, top in enumerate(classes)]
        print_table(f"Top class by '{name}'", ("sample", "class", "value"), rows)
