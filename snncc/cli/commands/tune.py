# SPDX-License-Identifier: Apache-2.0
"""`snncc tune`: convert with the levels and the scale per layer that give the least output error."""

from __future__ import annotations

from typing import Any

import click

from snncc.cli.coding_parser import CodingCommand
from snncc.cli.commands.convert import convert_and_print
from snncc.cli.conversion_options import conversion_options

__all__ = ["tune"]


@click.command(cls=CodingCommand, short_help="Convert with the best levels and scale for each layer.")
@conversion_options
def tune(ctx: click.Context, /, **given: Any) -> None:
    """Convert MODEL like `convert`, and tune each layer to the time steps given: its levels (phase coding) and scale.
    With phase coding, some layers may send a second spike, and layers may share their phases.

    What leaves the least error in the outputs is taken, on the inputs of --calib, which it needs; their labels are not
    looked at. The same inputs give the same network. `snncc inspect` shows what was chosen.
    """
    convert_and_print(ctx, tune=True, **given)
