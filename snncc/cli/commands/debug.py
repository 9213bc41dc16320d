# SPDX-License-Identifier: Apache-2.0
"""`snncc debug`: command group to locate errors of a conversion."""

from __future__ import annotations

import click

from snncc.cli.commands.debug_layers import layers
from snncc.cli.commands.debug_reduce import reduce

__all__ = ["debug"]


@click.group(short_help="Say where it goes wrong: by layer, or by graph.")
def debug() -> None:
    """Find where it goes wrong: the layers that add the error, or the smallest graph that shows a fault."""


debug.add_command(layers)
debug.add_command(reduce)
