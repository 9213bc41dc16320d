# SPDX-License-Identifier: Apache-2.0
"""Tables of the command line: split to fit the terminal, written as CSV and LaTeX."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click
from rich.console import Console

from snncc.cli.output import print_table, print_text
from snncc.cli.shared_options import FILE
from snncc.io.atomic_write import write_whole
from snncc.tools.text_tables import Table, parts, ruled, to_csv, to_latex

__all__ = ["csv_option", "latex_option", "print_tables", "write_tables"]

csv_option = click.option("--csv", "csv_file", type=FILE, metavar="FILE", help="Also write the table as CSV.")
latex_option = click.option(
    "--latex", "latex_file", type=FILE, metavar="FILE", help="Also write the table as LaTeX, for booktabs."
)


def print_tables(tables: Sequence[Table]) -> None:
    """Print each table with its title and notes; tables wider than the terminal are split."""
    width = Console().width
    for table in tables:
        print_text(table.title)  # which may be longer than a line
        shown, rules = ruled(table)
        for part in parts(shown, width):
            print_table("", part.columns, part.rows, keys=table.keys, rules=rules)
        for note in table.notes:
            print_text(note)
        if table.notes:
            click.echo()


def write_tables(tables: Sequence[Table], csv_file: Path | None, latex_file: Path | None) -> None:
    """Write the files whose paths are given.

    Raises:
        OutputError: one cannot be written.
    """
    if csv_file is not None:
        write_whole(csv_file, to_csv(tables).encode())
    if latex_file is not None:
        write_whole(latex_file, to_latex(tables).encode())
