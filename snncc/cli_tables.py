# SPDX-License-Identifier: Apache-2.0
"""How the commands print data on stdout: tables that fit the terminal, or JSON."""

from __future__ import annotations

import json
from collections.abc import Container, Iterable, Sequence
from typing import Any

import click
from rich import box
from rich.console import Console
from rich.table import Table

__all__ = ["number", "print_json", "print_table", "print_text"]

# As rich's SIMPLE_HEAD, with a line between sections. Line by line: top, head, its rule, row, rule, foot's, foot, end.
_BOX = box.Box("    \n    \n ── \n    \n ── \n    \n    \n    \n")


def print_table(
    title: str,
    columns: Sequence[str],
    rows: Iterable[Sequence[object]],
    *,
    right: bool = True,
    keys: int = 1,
    rules: Container[int] = (),
) -> None:
    """A table and an empty line; all columns but the `keys` first are aligned right unless `right` is off.

    A rule stands above the rows whose numbers are in `rules`.
    """
    table = Table(box=_BOX, pad_edge=False)
    for index, column in enumerate(columns):
        table.add_column(column, justify="right" if right and index >= keys else "left", overflow="fold")
    for number, row in enumerate(rows):
        if number in rules:
            table.add_section()
        table.add_row(*("" if cell is None else str(cell) for cell in row))
    if title:
        click.echo(title)
    click.echo(_rendered(table) + "\n")


def print_text(text: str) -> None:
    """A paragraph, wrapped to the terminal."""
    click.echo(_rendered(text) + "\n" * text.endswith("\n"))


def print_json(value: Any) -> None:
    """JSON, indented, keys in the order given."""
    click.echo(json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False))


def number(value: float) -> str:
    """A measured value with four significant digits."""
    return f"{value:.4g}"


def _rendered(content: Table | str) -> str:
    """What rich makes of it, without the blanks that it pads lines with, and without empty lines around it."""
    console = Console(markup=False, highlight=False, emoji=False)
    with console.capture() as capture:
        console.print(content, soft_wrap=False)
    lines = [line.rstrip() for line in capture.get().splitlines()]
    return "\n".join(lines).strip("\n")
