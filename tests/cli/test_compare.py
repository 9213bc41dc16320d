# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import csv
import json

import pytest


@pytest.fixture
def pair(digits, snncc):
    rate = digits / "a_name_that_is_much_too_long_for_a_table.onnx"
    options = ["--coding", "rate", "--T", 4, "--threshold-scale", 0.5, "--calib", digits / "train.npz"]
    assert snncc("convert", digits / "ann.onnx", "-o", rate, *options).exit_code == 0
    return [digits / "snn.onnx", rate, "--ann", digits / "ann.onnx", "--data", digits / "test.npz"]


def test_compare_prints_and_writes_tables(snncc, pair, tmp_path):
    files = ["--csv", tmp_path / "t.csv", "--latex", tmp_path / "t.tex"]
    result = snncc("compare", *pair, "--runtimes", "body,cpu", "--rounds", 2, *files)
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    assert lines[0] == "ann.onnx on test.npz"
    assert max(map(len, lines)) <= 80
    parts = sum(line.split()[:1] == ["model"] for line in lines)  # side by side they would be wider than 80 columns
    assert result.stdout.count("a_name_that…_for_a_table") == parts > 1
    header, ann, snn, rate = list(csv.reader((tmp_path / "t.csv").open()))
    assert header[-2:] == ["time body", "time cpu"]
    assert [ann[0], snn[0], rate[:2]] == ["ANN", "snn", ["a_name_that_is_much_too_long_for_a_table", "rate T=4"]]
    assert float(snn[-1]) > 0
    assert r"\toprule" in (tmp_path / "t.tex").read_text()


def test_compare_as_json(snncc, pair):
    found = json.loads(snncc("compare", *pair, "--runtimes", "none", "--limit", 32, "--json").stdout)
    alone = json.loads(snncc("evaluate", pair[0], *pair[2:], "--limit", 32, "--json").stdout)
    model = found["models"][0]["evaluation"]
    for key in ("samples", "accuracy_percent", "agreement", "spikes", "operations", "energy"):
        assert model[key] == alone[key]
    assert found["models"][1]["time_over_ann"] == {}


def test_compare_refuses_a_model_given_twice(snncc, pair):
    result = snncc("compare", pair[0], *pair)
    assert result.exit_code == 2
    assert "given twice" in result.stderr


def test_files_that_cannot_be_written_are_refused_first(snncc, pair, tmp_path):
    result = snncc("compare", *pair, "--csv", tmp_path / "none" / "t.csv")
    assert result.exit_code == 1
    assert "is not there. Make it first." in result.stderr
