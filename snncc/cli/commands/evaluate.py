# SPDX-License-Identifier: Apache-2.0
"""`snncc evaluate`: compare an SNN with its source ANN on data."""

from __future__ import annotations

from pathlib import Path

import click

from snncc.cli.output import print_json, print_table
from snncc.cli.shared_options import FILE, ann, data, device, json_flag, limit, preprocess

__all__ = ["evaluate"]

NEURONS = ("layer", "neurons", "spikes", "per step", "most")
SYNAPSES = ("layer", "ANN MACs", "SNN MACs", "additions", "ANN nJ", "SNN nJ")


@click.command(short_help="Compare a spiking network with its ANN on data.")
@click.argument("snn", type=FILE)
@ann
@data
@preprocess
@limit
@click.option("--layers", is_flag=True, help="Also print each layer's spikes, by phase too, operations, energy.")
@device
@json_flag
def evaluate(
    snn: Path,
    ann: Path,
    data: Path,
    preprocess: str | None,
    limit: int | None,
    layers: bool,
    device: str,
    as_json: bool,
) -> None:
    """Accuracy, agreement, spikes, operations, energy and latency of SNN and its ANN on data.

    Energy is that of arithmetic in 45 nm; the gain "with memory accesses" adds those, for an ANN that reads each weight
    once for a sample, to one that reads it for each multiply-accumulate. docs/evaluate.md explains every figure.
    With phase and few-spikes coding, --layers counts at which phase or step neurons fire, also for --json, which takes
    longer.
    """
    from snncc.evaluation.evaluate import evaluate as run

    found = run(snn, ann, data, preprocess=preprocess, limit=limit, device=device, phases=layers)
    if as_json:
        print_json(found.to_json())
        return
    print_table(f"{snn} on {data}", ("", "ANN", "SNN"), found.rows())
    if layers:
        print_table("Neurons, of one sample", NEURONS, found.layer_rows())
        columns, rows = found.step_rows()
        if rows:
            print_table("Neurons that fire at a step (phase), in %; of some steps the mean", columns, rows)
        print_table("Where spikes and values arrive, of one sample", SYNAPSES, found.synapse_rows())
