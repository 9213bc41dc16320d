# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import inspect

import pytest

import snncc
from snncc.errors import OptionError
from snncc.tools.paper_tables import PAPERS, Definition, read_paper
from snncc.tools.paper_tables.definition import Column, Method
from snncc.tools.paper_tables.measures import MEASURES

TABLES = [t for name in PAPERS for t in read_paper(name).tables.values()]
ALL = pytest.mark.parametrize("table", TABLES, ids=lambda t: f"{t.paper}-{t.id}")


def test_every_numbered_table_of_results_is_there():
    assert {name: [i for i in read_paper(name).tables if not i.islower() and i != "K"] for name in PAPERS} == {
        "one_spike": ["I", "II", "III", "IV", "V", "VI", "VII", "VIII"],
        "fs_conversion": ["1", "2"],
        "msat": ["3", "4", "5", "6"],
    }


@ALL
def test_rows_have_a_cell_for_each_column(table: Definition):
    assert {len(row) for row in table.rows} <= {2 + len(table.columns)}
    assert all(isinstance(cell, str) for row in table.rows for cell in row)
    assert len({row[:2] for row in table.rows}) == len(table.rows)
    assert {c.measure for c in table.columns} <= set(MEASURES)
    assert bool(table.rows) == table.where.startswith("Table ")


@ALL
def test_accuracies_are_percentages_and_losses_their_differences(table: Definition):
    names = [c.measure for c in table.columns]
    for row in table.rows:
        cells = dict(zip(names, row[2:], strict=True))
        given = {k: float(v) for k, v in cells.items() if k in ("ann", "snn", "ann5", "snn5") and v}
        assert all(0 <= value <= 100 for value in given.values())
        if "loss" in cells and not cells["loss"].startswith("<"):
            assert float(cells["loss"]) == pytest.approx(given["ann"] - given["snn"], abs=0.06)


@ALL
def test_methods_are_codings_and_options_of_convert(table: Definition):
    known = inspect.signature(snncc.convert).parameters
    assert table.methods
    for method in table.methods:
        columns = [c for c in table.columns if c.holds_for(method)]
        assert columns
        for column in columns:
            _, options = method.conversion(column.options)
            assert set(options) <= set(known)


def test_options_of_a_column_come_on_top():
    method = Method("x", {"coding": "phase", "T": 16, "scale": "max"})
    coding, options = method.conversion({"T": 8, "weights": "int8"})
    assert (coding, options) == (snncc.Phase(T=8), {"scale": "max", "weights": "int8"})
    assert Column("", "snn", only={"T": 16}).holds_for(method)
    assert not Column("", "snn", only={"T": 24}).holds_for(method)


def test_table_by_any_case():
    assert read_paper("one_spike").table("viii").where == "Table VIII"
    with pytest.raises(OptionError, match="has no table 'IX', but I, II,"):
        read_paper("one_spike").table("IX")
    with pytest.raises(OptionError, match="but of one_spike, fs_conversion, msat"):
        read_paper("two_spikes")
