# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import csv
import io

import pytest

from snncc.tabular import Table, parts, short, to_csv, to_latex

TABLE = Table(
    "Loss, 100 % of it",
    ("network", "top-1 %", "drop_points", "γ"),
    (("a", "1", "", "x & y"), ("b" * 60, "2", "[3]", "{~}")),
    notes=("Here.",),
)


def test_names_lose_their_middle():
    assert short("resnet20", 8) == "resnet20"
    assert short("resnet20_phase", 8) == "res…hase"


@pytest.mark.parametrize("width", [20, 48, 56, 80, 200])
def test_parts_show_every_column_once_and_fit(width):
    found = parts(TABLE, width)
    assert [c for part in found for c in part.columns[1:]] == list(TABLE.columns[1:])
    for part in found:
        assert part.columns[0] == "network"
        assert part.rows[1][0] == short("b" * 60, 24)
        widest = [max(map(len, column)) for column in zip(part.columns, *part.rows, strict=True)]
        assert len(part.columns) == 2 or 2 + sum(widest) + 3 * (len(widest) - 1) <= width
    assert (len(found) == 1) == (width >= 2 + 24 + 7 + 11 + 5 + 9)


def test_a_table_of_names_alone_is_one_part():
    names = Table("", ("a", "b"), (("x", "y"),), keys=2)
    assert parts(names, 80) == [names]


def test_csv_holds_the_cells_as_they_are():
    first, second = to_csv([TABLE, TABLE]).split("\n\n")
    assert list(csv.reader(io.StringIO(first))) == [list(TABLE.columns), *map(list, TABLE.rows)]
    assert first == second.rstrip("\n")


def test_latex_is_escaped_and_balanced():
    text = to_latex([TABLE])
    assert r"\caption{Loss, 100 \% of it. Here.}" in text
    assert r"\begin{tabular}{lrrr}" in text
    assert r"drop\_points" in text
    assert r"x \& y \\" in text
    assert r"& {[3]} & \{\textasciitilde{}\} \\" in text
    body = text.split(r"\midrule")[1].split(r"\bottomrule")[0].strip().splitlines()
    assert [line.replace(r"\&", "").count("&") for line in body] == [3, 3]
    for name in ("table", "tabular"):
        assert text.count(rf"\begin{{{name}}}") == text.count(rf"\end{{{name}}}") == 1
    assert text.index(r"\toprule") < text.index(r"\midrule") < text.index(r"\bottomrule")
