# SPDX-License-Identifier: Apache-2.0
"""The conversion summary as a table, for `convert` and `inspect`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from snncc.cli.output import print_table
from snncc.compiler.conversion_summary import outcome_rows

__all__ = ["print_outcome"]


def print_outcome(found: Mapping[str, Any] | None) -> None:
    """Print the metadata entry snncc.outcome; models of earlier versions have none."""
    if found:
        print_table(
            "Conversion summary", ("in the network", "in the spiking network"), outcome_rows(found), right=False
        )
