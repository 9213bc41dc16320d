# SPDX-License-Identifier: Apache-2.0
"""`snncc debug layers`: rank the layers of a spiking network by the error that each adds."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING

import click

from snncc.cli.output import number, print_json, print_table, print_text
from snncc.cli.shared_options import FILE, ann, data, device, json_flag, limit, preprocess

if TYPE_CHECKING:
    from snncc.tools.debug import LayerErrors

__all__ = ["layers"]


@click.command(short_help="Rank layers by the error that they add.")
@click.argument("snn", type=FILE)
@ann
@data
@preprocess
@limit
@device
@json_flag
def layers(
    snn: Path, ann: Path, data: Path, preprocess: str | None, limit: int | None, device: str, as_json: bool
) -> None:
    """Compare each layer of neurons of SNN with the layer of the ANN that it stands for.

    The layer that adds most comes first. SNR is the power of the ANN's activations over that of the difference, in dB:
    the layer's own, on exact inputs, and the one it has, with the errors of all layers before it. The last column is
    the error of the network's output if that layer alone were exact. It may grow: calibration lets each layer make up
    for the errors of those before it, which is too much where there are none.
    """
    from snncc.tools.debug import debug_layers

    found = debug_layers(snn, ann, data, preprocess=preprocess, limit=limit, device=device)
    if as_json:
        print_json(found.to_json())
    else:
        _print(found, snn, data)


def _print(found: LayerErrors, snn: Path, data: Path) -> None:
    columns = ("layer", "mean |a|", "SNR, own", "SNR", "output, if exact")
    rows = [
        (x.replaces or x.name, number(x.magnitude), _decibel(x.own_snr), _decibel(x.snr), _percent(x.output_error))
        for x in found.layers
    ]
    print_table(f"{snn} on {data}, {found.samples} samples", columns, rows)
    now, exact = (_percent(error) for error in (found.output_error, found.exact_error))
    print_text(f"The output's error is {now}, and {exact} if all layers were exact.")


def _decibel(value: float) -> str:
    if math.isnan(value):
        return "silent"
    return "exact" if math.isinf(value) else f"{value:.1f} dB"


def _percent(fraction: float) -> str:
    return f"{100 * fraction:.2f} %"
