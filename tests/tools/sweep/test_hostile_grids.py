# SPDX-License-Identifier: Apache-2.0
"""Invalid or extreme grids give one message before anything runs."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import numpy as np
import pytest

from snncc.coding.fs_tables.tables import parsed
from snncc.errors import OptionError, SnnccError
from snncc.models import digits_network
from snncc.tools.paper_tables.subject import read_subjects
from snncc.tools.sweep import read_plan
from snncc.tools.text_tables import Table, csv_cell, to_csv

MODEL = '[[model]]\npath = "ann.onnx"\ndata = "test.npz"\n'
FS = '[[coding]]\nname = "fs"\n'
DEEP = "[" * 5000 + "]" * 5000
GRIDS = {
    "nested arrays": (f"{MODEL}{FS}K = {DEEP}\n", "nested too deeply"),
    "thousands of digits": (f"{MODEL}{FS}K = {'9' * 5000}\n", "is no TOML file"),
    "beyond 64 bits": (f"{MODEL}{FS}K = {2**63}\n", "whole number of 64 bits"),
    "beyond 64 bits, in a list": (f"{MODEL}{FS}K = [4, {-(2**70)}]\n", "whole number of 71 bits"),
    "zero character": (MODEL.replace("ann.onnx", "a\\u0000b") + FS, "zero character"),
    "no such user": (MODEL.replace("test.npz", "~nosuchuser/test.npz") + FS, "home folder"),
    "a date": (f"{MODEL}{FS}K = 2020-01-01\n", "must be a number"),
    "a table as value": (f"{MODEL}{FS}K = {{a = 1}}\n", "must be a number"),
    "many configurations": (
        f"{MODEL}{FS}K = {list(range(1, 1001))}\nalpha = {list(range(1, 1001))}\n",
        "1,000,000 configurations, more than 10,000",
    ),
    "no UTF-8": ("# \udcff\n", "is no TOML file"),
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "ann.onnx").write_bytes(digits_network())
    np.savez(tmp_path / "test.npz", input=np.zeros((4, 1, 8, 8), np.float32))
    return tmp_path


@pytest.mark.parametrize("name", GRIDS)
def test_a_hostile_grid_is_an_option_error(folder: Path, name: str) -> None:
    text, message = GRIDS[name]
    (folder / "grid.toml").write_bytes(text.encode(errors="surrogateescape"))
    with pytest.raises(OptionError, match=message):
        read_plan(folder / "grid.toml")


def test_more_configurations_are_allowed_where_asked(folder: Path) -> None:
    (folder / "grid.toml").write_text(f"{MODEL}{FS}K = {list(range(1, 21))}\n")
    assert len(read_plan(folder / "grid.toml").configurations) == 20
    with pytest.raises(OptionError, match=r"20 configurations, more than 19.*--max-configurations"):
        read_plan(folder / "grid.toml", 19)


@pytest.mark.parametrize(
    ("text", "message"), [(f"a = {DEEP}", "nested"), ('[n]\nmodel = "\\u0000"\ncalib = "c"\ntest = "t"', "zero")]
)
def test_a_hostile_list_of_networks_is_an_option_error(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "networks.toml").write_text(text)
    with pytest.raises(OptionError, match=message):
        read_subjects(tmp_path / "networks.toml")


def test_a_hostile_file_of_tables_is_an_error() -> None:
    with pytest.raises(SnnccError, match="holds no tables"):
        parsed("[" * 100000 + "]" * 100000, "tables.json")


@pytest.mark.parametrize("text", ["=1+1", "+cmd", "-cmd|' /C calc'!A0", "@SUM(A1)", "\t=1"])
def test_no_cell_is_a_formula(text: str) -> None:
    table = Table("title", ("name", "value"), [(text, "-0.05"), ("plain", "+1.5 x")])
    rows = list(csv.reader(io.StringIO(to_csv([table]), newline="")))
    assert rows[1:] == [[f"'{text}", "-0.05"], ["plain", "+1.5 x"]]


@pytest.mark.parametrize("value", [-1, -0.5, None, "", "a=b", "-1e-3"])
def test_other_cells_stay(value: object) -> None:
    assert csv_cell(value) == value


def test_a_return_ends_no_row() -> None:
    table = Table("title", ("name",), [("a\rb",), ("\r=1",)])
    assert list(csv.reader(io.StringIO(to_csv([table]), newline=""))) == [["name"], ["a\\rb"], ["\\r=1"]]
