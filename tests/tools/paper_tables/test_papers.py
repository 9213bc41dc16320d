# SPDX-License-Identifier: Apache-2.0
"""The cited figures of the tables are those in the text of the papers."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from snncc.tools.paper_tables import PAPERS, Definition, read_paper

CITED = [t for name in PAPERS for t in read_paper(name).tables.values() if t.rows]
SPREAD = {("one_spike", "V"), ("msat", "5"), ("msat", "6")}  # over several lines of the text


def figures(text: str) -> set[float]:
    """The numbers in `text`, where a point or a comma before three digits says nothing, and M stands for 10^6."""
    plain = re.sub(r"(?<=\d)[.,](?=\d{3}\b)", "", text)
    found = re.findall(r"(?<![\w.-])(-?\d+(?:\.\d+)?)(M?)", plain)
    return {float(number) * (1e6 if million else 1.0) for number, million in found}


def test_figures_are_found() -> None:
    assert figures("[19] Rate 93.71% <<0.01 -0.17 475.136 14.061M, 2,048") == {
        19,
        93.71,
        0.01,
        -0.17,
        475136,
        14061000,
        2048,
    }


@pytest.mark.parametrize("table", CITED, ids=lambda t: f"{t.paper}-{t.id}")
def test_rows_are_the_papers(table: Definition, shared: Path) -> None:
    text = (shared / "papers" / f"{table.paper}.txt").read_text(encoding="utf-8")
    lines = [text] if (table.paper, table.id) in SPREAD else text.splitlines()
    known = [(line, figures(line)) for line in lines]
    for row in table.rows:
        wanted = figures(" ".join(row[2:]))
        assert len(wanted) > 1
        garbled = [str(cell) for cell in row[2:]]  # numbers may run into each other in the text
        assert any(wanted <= found or all(cell in line for cell in garbled) for line, found in known), row
