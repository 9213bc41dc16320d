# SPDX-License-Identifier: Apache-2.0
"""`snncc evaluate`: an SNN beside the ANN that it came from."""

from __future__ import annotations

from pathlib import Path

import click

from snncc.cli_tables import print_json, print_table
from snncc.commands.options import FILE, ann, data, device, json_flag, limit, preprocess

__all__ = ["evaluate"]


@click.command(short_help="Compare a spiking network with its ANN on data.")
@click.argument("snn", type=FILE)
@ann
@data
@preprocess
@limit
@device
@json_flag
def evaluate(
    snn: Path, ann: Path, data: Path, preprocess: str | None, limit: int | None, device: str, as_json: bool
) -> None:
    """Accuracy, agreement, spikes, operations, energy and latency of SNN and its ANN on data."""
    from snncc.evaluate import evaluate as run

    found = run(snn, ann, data, preprocess=preprocess, limit=limit, device=device)
    if as_json:
        print_json(found.to_json())
    else:
        print_table(f"{snn} on {data}", ("", "ANN", "SNN"), found.rows())
