# SPDX-License-Identifier: Apache-2.0
"""Output of the commands: tables that fit the terminal, JSON, lines.

All output passes through `printable`: names come from models, and terminals interpret control characters.
"""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Container, Iterable, Sequence
from typing import Any

import click
from rich import box
from rich.console import Console
from rich.table import Table

__all__ = ["echo", "number", "print_json", "print_table", "print_text", "printable"]

# As rich's SIMPLE_HEAD, with a line between sections. Line by line: top, head, its rule, row, rule, foot's, foot, end.
_BOX = box.Box("    \n    \n ── \n    \n ── \n    \n    \n    \n")


# Characters that change the order in which others are shown.
_DIRECTIONS = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def printable(text: str, allowed: str = "\n\t") -> str:
    """`text` with terminal control characters, except those `allowed`, as escapes such as \x1b."""
    return "".join(c if c in allowed or not _is_control(c) else ascii(c)[1:-1] for c in text)


def echo(text: str = "", *, err: bool = False) -> None:
    """Print a line on stdout or stderr."""
    click.echo(printable(text), err=err)


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
        table.add_row(*("" if cell is None else printable(str(cell), "") for cell in row))
    if title:
        echo(title)
    click.echo(_rendered(table) + "\n")


def print_text(text: str) -> None:
    """A paragraph, wrapped to the terminal."""
    click.echo(_rendered(printable(text)) + "\n" * text.endswith("\n"))


def print_json(value: Any) -> None:
    """JSON, indented, keys in the order given."""
    text = json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False)
    click.echo("".join(c if c == "\n" or not _is_control(c) else f"\\u{ord(c):04x}" for c in text))


def _is_control(character: str) -> bool:
    return unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp") or character in _DIRECTIONS


def number(value: float) -> str:
    """A measured value with four significant digits."""
    return f"{value:.4g}"


def _rendered(content: Table | str) -> str:
    """rich's output, without trailing blanks and without empty lines around it."""
    console = Console(markup=False, highlight=False, emoji=False)
    with console.capture() as capture:
        console.print(content, soft_wrap=False)
    lines = [line.rstrip() for line in capture.get().splitlines()]
    return "\n".join(lines).strip("\n")
