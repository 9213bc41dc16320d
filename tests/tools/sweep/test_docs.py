# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import csv
import json
import re
import sqlite3
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from snncc.cli import main
from snncc.models import digits_network
from snncc.models.digits import load_digits
from snncc.tools.sweep import read_plan
from snncc.tools.sweep.results import FIGURES

TEXT = (Path(__file__).parents[3] / "docs" / "sweep.md").read_text(encoding="utf-8")


@pytest.fixture
def example(tmp_path) -> Path:
    """The grid of docs/sweep.md in a folder with the files that it names."""
    pytest.importorskip("sklearn", reason="the digits come with scikit-learn")
    (grid,) = re.findall(r"```toml\n(.*?)```", TEXT, re.DOTALL)
    found = load_digits()
    np.savez(tmp_path / "test.npz", input=found.test_images, labels=found.test_labels)
    np.savez(tmp_path / "train.npz", input=found.train_images)
    (tmp_path / "digits_cnn.onnx").write_bytes(digits_network())
    path = tmp_path / "grid.toml"
    path.write_text(grid)
    return path


def sweep(*arguments):
    return CliRunner().invoke(main, ["sweep", *map(str, arguments)], env={"COLUMNS": "80"}, catch_exceptions=False)


def test_example_has_as_many_configurations_as_it_says(example):
    plan = read_plan(example)
    assert f"These are {len(plan.configurations)} configurations" in TEXT
    assert len(plan) == 2 * len(plan.configurations)


def test_every_column_is_explained():
    assert [name for name in FIGURES if f"`{name}`" not in TEXT] == []


def test_part_of_the_example_runs(example, tmp_path):
    """One value of each list."""
    small = re.sub(r"= \[([^,\]]+), .*\]", r"= [\1]", example.read_text()).replace("limit = 500", "limit = 70")
    example.write_text(small)
    out = tmp_path / "results.sqlite"
    listed = sweep(example, "-o", out, "--dry-run")
    assert "4 configurations, 4 shards" in listed.output
    assert not out.exists()
    result = sweep(example, "-o", out, "--csv", tmp_path / "r.csv", "--jobs", 1)
    assert result.exit_code == 0, result.output
    assert "digits phase T=16 Q=1.2" in result.stdout
    assert "4 configurations, 0 failed" in result.stdout
    assert max(map(len, result.stdout.splitlines())) <= 80
    rows = list(csv.DictReader((tmp_path / "r.csv").open()))
    assert [row["coding"] for row in rows] == ["phase", "fs", "rate", "msat"]
    assert all(float(row["snn_top1"]) > 95 and row["samples"] == "70" for row in rows)
    file = sqlite3.connect(out)
    assert file.execute("SELECT count(*) FROM result WHERE state = 'done'").fetchone() == (4,)
    file.close()
    again = json.loads(sweep(example, "-o", out, "--json").stdout)
    assert [str(row["snn_nj"]) for row in again] == [row["snn_nj"] for row in rows]


def test_failures_end_in_status_1(example, tmp_path):
    text = re.sub(r"(?s)\[\[coding\]\].*", '[[coding]]\nname = "fs"\nK = 0\n', example.read_text())
    example.write_text(text)
    result = sweep(example, "-o", tmp_path / "r.sqlite", "--jobs", 1)
    assert result.exit_code == 1
    assert "digits fs K=0: OptionError: K is 0" in result.stdout
    assert "1 configurations, 1 failed" in result.stdout


def test_usage_and_foreign_files(example, tmp_path):
    both = sweep(example, "-o", tmp_path / "r.sqlite", "--jobs", 1, "--ray", "auto")
    assert both.exit_code == 2
    other = tmp_path / "test.npz"
    before = other.read_bytes()
    refused = sweep(example, "-o", other)
    assert refused.exit_code == 1
    assert "Error: " in refused.stderr
    assert other.read_bytes() == before


@pytest.mark.slow
def test_the_whole_example_runs(example, tmp_path):
    result = sweep(example, "-o", tmp_path / "r.sqlite", "--json")
    assert result.exit_code == 0, result.output
    rows = json.loads(result.stdout)
    assert len(rows) == 24
    assert all(row["samples"] == 500 and row["snn_top1"] > 98 for row in rows)
