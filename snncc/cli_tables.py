# SPDX-License-Identifier: Apache-2.0
"""How the commands print data on stdout: tables that fit the terminal, or JSON."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

import click
from rich import box
from rich.console import Console
from rich.table import Table

__all__ = ["number", "print_json", "print_table", "print_text"]


def print_table(title: str, columns: Sequence[str], rows: Iterable[Sequence[object]], *, right: bool = True) -> None:
    """A table; all columns but the first are aligned right unless `right` is off."""
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    for index, column in enumerate(columns):
        table.add_column(column, justify="right" if right and index else "left", overflow="fold")
    for row in rows:
        table.add_row(*("" if cell is None else str(cell) for cell in row))
    _console().print(table)


def print_text(text: str) -> None:
    """A paragraph, wrapped to the terminal."""
    _console().print(text, soft_wrap=False)


def print_json(value: Any) -> None:
    """JSON, indented, keys in the order given."""
    click.echo(json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False))


def number(value: float) -> str:
    """A measured value with four significant digits."""
    return f"{value:.4g}"


def _console() -> Console:
    return Console(markup=False, highlight=False, emoji=False)
