# SPDX-License-Identifier: Apache-2.0
"""Text tables: split to fit a terminal, or written as CSV and LaTeX."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace

__all__ = ["Table", "csv_cell", "parts", "ruled", "short", "to_csv", "to_latex"]

_KEYS = 44  # letters that the columns that name a row may take, between them
_KEY = 24  # and one alone
_GAP = 3  # between columns
_LATEX = str.maketrans(
    {
        "\\": r"\textbackslash{}",
        "~": r"\textasciitilde{}",
        "^": r"\textasciicircum{}",
        "|": r"\textbar{}",  # as < and >, another letter in LaTeX's first fonts
        "<": "$<$",
        ">": "$>$",
        "µ": r"\textmu{}",
        "…": r"\ldots{}",
        "–": "--",
        "×": r"$\times$",
        "α": r"$\alpha$",
        "γ": r"$\gamma$",
        "η": r"$\eta$",
        "θ": r"$\theta$",
        "λ": r"$\lambda$",
        "τ": r"$\tau$",
        **{letter: f"\\{letter}" for letter in "&%$#_{}"},
    }
)


@dataclass(frozen=True)
class Table:
    """Rows of cells, as many as there are columns.

    Attributes:
        title: What it shows.
        columns: Names of the columns.
        rows: The cells.
        keys: How many columns, from the left, name a row.
        notes: Sentences that belong below it.
        groups: A column with the origin of rows: only in CSV; other formats have a rule where it changes.
    """

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    keys: int = 1
    notes: tuple[str, ...] = ()
    groups: str | None = None


def short(text: str, letters: int) -> str:
    """`text`, with its middle left out if it is longer than this."""
    if len(text) <= letters:
        return text
    head = (letters - 1) // 2
    return f"{text[:head]}…{text[len(text) - (letters - 1 - head) :]}"


def ruled(table: Table) -> tuple[Table, tuple[int, ...]]:
    """(The table without its column `groups`, the rows that have a rule above them.)"""
    if table.groups is None:
        return table, ()
    place = table.columns.index(table.groups)
    said = [row[place] for row in table.rows]
    rules = tuple(i for i in range(1, len(said)) if said[i] != said[i - 1])
    columns, *rows = ((*row[:place], *row[place + 1 :]) for row in (table.columns, *table.rows))
    return replace(table, columns=columns, rows=tuple(rows), groups=None), rules


def parts(table: Table, width: int) -> list[Table]:
    """Split into tables of at most `width` characters, each with the columns that name a row, shortened.

    A part has one column besides even if that alone is wider.
    """
    most = min(_KEY, _KEYS // table.keys)
    rows = [(*(short(cell, most) for cell in row[: table.keys]), *row[table.keys :]) for row in table.rows]
    widths = [max(map(len, column)) for column in zip(table.columns, *rows, strict=True)]
    named = list(range(table.keys))
    chosen: list[list[int]] = []
    for column in range(table.keys, len(table.columns)):
        if chosen and _width([widths[i] for i in (*named, *chosen[-1], column)]) <= width:
            chosen[-1].append(column)
        else:
            chosen.append([column])
    return [
        replace(
            table,
            columns=tuple(table.columns[i] for i in (*named, *picked)),
            rows=tuple(tuple(row[i] for i in (*named, *picked)) for row in rows),
        )
        for picked in chosen or [[]]
    ]


def csv_cell(value: object) -> object:
    """`value`; a text that a spreadsheet would interpret as a formula gets an apostrophe as prefix."""
    if not isinstance(value, str):
        return value
    value = value.replace("\r", "\\r")  # which readers take for the end of a row
    if not value.startswith(("=", "+", "-", "@", "\t")):
        return value
    try:
        float(value.rstrip(" x%"))  # a number, with its unit
    except ValueError:
        return f"'{value}"
    return value


def to_csv(tables: Iterable[Table]) -> str:
    """The tables, each with a header row, separated by an empty line."""
    texts = []
    for table in tables:
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows(
            [csv_cell(cell) for cell in row] for row in (table.columns, *table.rows)
        )
        texts.append(text.getvalue())
    return "\n".join(texts)


def to_latex(tables: Iterable[Table]) -> str:
    """The tables as LaTeX floats; they need the package booktabs."""
    return "\n".join(map(_latex, tables))


def _latex(table: Table) -> str:
    table, rules = ruled(table)
    lines = (("\\midrule\n    " if i in rules else "") + _line(row) for i, row in enumerate(table.rows))
    rows = "\n".join(f"    {line}" for line in lines)
    alignment = "l" * table.keys + "r" * (len(table.columns) - table.keys)
    caption = " ".join((f"{table.title}.", *table.notes)).translate(_LATEX)
    return rf"""\begin{{table}}
  \centering
  \caption{{{caption}}}
  \begin{{tabular}}{{{alignment}}}
    \toprule
    {_line(table.columns)}
    \midrule
{rows}
    \bottomrule
  \end{{tabular}}
\end{{table}}
"""


def _line(cells: Iterable[str]) -> str:
    # An opening bracket or an asterisk after the \\ of the line before would be taken for its argument.
    escaped = (re.sub(r"^-(?=\d)", "$-$", cell.translate(_LATEX)) for cell in cells)
    return " & ".join(f"{{{c}}}" if c.startswith(("[", "*")) else c for c in escaped) + r" \\"


def _width(widths: list[int]) -> int:
    return 2 + sum(widths) + _GAP * (len(widths) - 1)
