# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import csv
import json

import pytest

from snncc.tools.paper_tables import PAPERS, read_paper


def test_tables_are_listed(snncc):
    result = snncc("tables")
    assert result.exit_code == 0
    assert max(map(len, result.stdout.splitlines())) <= 80
    for name in PAPERS:
        assert f"{name}: {read_paper(name).title}" in " ".join(result.stdout.split())
        assert all(t.where in result.stdout for t in read_paper(name).tables.values())
    listed = json.loads(snncc("tables", "--json").stdout)
    assert list(listed["msat"]) == ["3", "4", "5", "6", "threshold"]


@pytest.mark.parametrize("paper", PAPERS)
def test_all_tables_of_a_paper_fit_80_columns(snncc, paper):
    result = snncc("tables", paper)
    assert result.exit_code == 0
    assert [line for line in result.stdout.splitlines() if len(line) > 80] == []


def test_a_table_end_to_end(snncc, digits, tmp_path):
    files = ["--csv", tmp_path / "t.csv", "--latex", tmp_path / "t.tex"]
    network = f"digits={digits / 'ann.onnx'},{digits / 'train.npz'},{digits / 'test.npz'}"
    result = snncc("tables", "one_spike", "i", "--network", network, "--limit", 50, *files)
    assert result.exit_code == 0, result.output
    assert result.stdout.startswith("one_spike, Table I: Accuracy and time steps, CIFAR-10\n")
    lines = result.stdout.splitlines()
    assert [i for i, line in enumerate(lines) if set(line) == {" ", "─"}] == [2, 3 + 16]  # below the paper's 16 rows
    assert max(map(len, lines)) <= 80
    header, *rows = csv.reader((tmp_path / "t.csv").open())
    assert header == ["network", "method", "source", "coding", "ANN %", "SNN %", "T"]
    assert rows[0] == ["VGG-16", "RMP-SNN [16]", "Table I", "rate", "93.63", "93.63", "2048"]
    assert rows[-2][:4] == ["digits", "snncc, Q=1.3", "measured", "phase"]
    assert rows[-1][:4] == ["digits", "snncc, fitted levels", "measured", "phase"]
    assert all(float(row[5]) >= 90 for row in rows[-2:])
    assert (tmp_path / "t.tex").read_text().count(r" \\") == 1 + len(rows)


def test_networks_of_a_file(snncc, digits, tmp_path):
    keys = {"model": "ann.onnx", "calib": "train.npz", "test": "test.npz"}
    lines = "\n".join(f'{key} = "{(digits / name).as_posix()}"' for key, name in keys.items())
    (tmp_path / "networks.toml").write_text(f"[digits]\n{lines}\n")
    result = snncc("tables", "one_spike", "IV", "--networks", tmp_path / "networks.toml", "--limit", 16, "--json")
    (found,) = json.loads(result.stdout)
    assert [row[0] for row in found["rows"][-2:]] == ["digits", "digits"]
    assert found["notes"][-1] == "Below the rule: measured on 16 samples."


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (["one_spike", "X"], 2, "has no table 'X'"),
        (["three_spikes"], 2, "three_spikes"),
        (["msat", "3", "--network", "a"], 2, "is no NAME=MODEL,CALIB,TEST"),
        (["msat", "3", "--network", "a=x,y,z", "--network", "a=x,y,z"], 2, "two networks are called 'a'"),
        (["msat", "3", "--csv", "/none/t.csv"], 1, "Make it first"),
    ],
)
def test_what_is_wrong_is_said(snncc, arguments, status, message):
    result = snncc("tables", *arguments)
    assert result.exit_code == status
    assert message in result.stderr
