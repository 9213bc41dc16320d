# SPDX-License-Identifier: Apache-2.0
"""`snncc tables`: print the papers' tables, with rows measured on the user's networks."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import click

from snncc.cli.output import print_json, print_table, print_text
from snncc.cli.shared_options import FILE, device, json_flag, limit, preprocess
from snncc.cli.table_files import csv_option, latex_option, print_tables, write_tables
from snncc.errors import OptionError
from snncc.io.outputs import require_outputs
from snncc.tools.paper_tables.definition import PAPERS, Paper, read_paper
from snncc.tools.paper_tables.subject import Subject, read_subjects

__all__ = ["tables"]


@click.command(short_help="The papers' tables, beside the same measured on your networks.")
@click.argument("paper", type=click.Choice(PAPERS), required=False)
@click.argument("table", required=False)
@click.option(
    "--network",
    "given",
    multiple=True,
    metavar="NAME=MODEL,CALIB,TEST",
    help="A network to measure: model, calibration data, labelled test data. May be given several times.",
)
@click.option(
    "--networks",
    "file",
    type=FILE,
    metavar="FILE",
    help="A TOML file of networks: [NAME], with model, calib, test, preprocess and, for MSAT, preset; paths from its "
    "own folder.",
)
@preprocess
@limit
@device
@csv_option
@latex_option
@json_flag
def tables(
    paper: str | None,
    table: str | None,
    given: tuple[str, ...],
    file: Path | None,
    preprocess: str | None,
    limit: int | None,
    device: str,
    csv_file: Path | None,
    latex_file: Path | None,
    as_json: bool,
) -> None:
    """Print TABLE of PAPER, or all its tables: the paper's own rows, and below them those measured on the networks.

    Each network is converted by each method of the table, with CALIB, and evaluated on TEST, which takes minutes
    without --limit. Without networks the paper's rows are all there is; without PAPER the tables are listed.
    """
    from snncc.tools.paper_tables.fill import fill

    if paper is None:
        _list([read_paper(name) for name in PAPERS], as_json)
        return
    subjects = _subjects(given, file, preprocess)
    read = [path for s in subjects for path in (s.model, s.calib, s.test)]
    require_outputs({"--csv": csv_file, "--latex": latex_file}, [file, *read])
    known = read_paper(paper)
    wanted = list(known.tables.values()) if table is None else [known.table(table)]
    found = []
    for definition in wanted:
        found.append(fill(definition, subjects, limit=limit, device=device))
        if not as_json:
            print_tables(found[-1:])  # at once: the next may take minutes
        write_tables(found, csv_file, latex_file)
    if as_json:
        print_json([{"title": t.title, "columns": t.columns, "rows": t.rows, "notes": t.notes} for t in found])


def _subjects(given: tuple[str, ...], file: Path | None, preprocess: str | None) -> list[Subject]:
    listed = [Subject.parse(text) for text in given] + (read_subjects(file) if file else [])
    names = [s.name for s in listed]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise OptionError(f"two networks are called '{twice}'. Give each a name of its own.")
    return [replace(s, preprocess=s.preprocess or preprocess) for s in listed]


def _list(papers: list[Paper], as_json: bool) -> None:
    if as_json:
        print_json({p.name: {t.id: t.caption for t in p.tables.values()} for p in papers})
        return
    for paper in papers:
        rows = [(t.id, t.where, t.caption) for t in paper.tables.values()]
        print_text(f"{paper.name}: {paper.title}")  # which is longer than a line
        print_table("", ("table", "in the paper", "shows"), rows, right=False)
