# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json

import onnx

SUCCESS, ERROR, USAGE = 0, 1, 2


def test_tune_says_what_it_gained(snncc, digits, tmp_path):
    data = ("--calib", digits / "train.npz")
    result = snncc("tune", digits / "ann.onnx", "-o", tmp_path / "f.onnx", "--coding", "fs", "--K", 2, *data)
    assert result.exit_code == SUCCESS
    assert "Tuned: " in result.stdout
    result = snncc("tune", digits / "ann.onnx", "-o", tmp_path / "t.onnx", "--T", 8, "--Q", "auto", *data, "--json")
    found = json.loads(result.stdout)["tuning"]
    assert found["error"]["tuned"] <= found["error"]["untuned"]
    assert found == json.loads({p.key: p.value for p in onnx.load(tmp_path / "t.onnx").metadata_props}["snncc.tuning"])
    recorded = json.loads({p.key: p.value for p in onnx.load(tmp_path / "t.onnx").metadata_props}["snncc.neurons"])
    own = {name: entry["levels"] for name, entry in recorded.items() if "levels" in entry}
    lines = {
        line.split()[0]: line.split()[-4:]
        for line in snncc("inspect", tmp_path / "t.onnx").stdout.split("\n")
        if line.strip()
    }
    assert own
    assert {name: lines[name] for name in own} == {
        name: [f"{v[0]:.3g}", "…", f"{v[-1]:.2g}", str(recorded[name]["steps"])] for name, v in own.items()
    }
    budget = ("--max-drop", 3, "--data", digits / "test.npz", "--ann", digits / "ann.onnx")
    assert snncc("check", tmp_path / "t.onnx", *budget).exit_code == SUCCESS


def test_tune_without_data(snncc, digits, tmp_path):
    result = snncc("tune", digits / "ann.onnx", "-o", tmp_path / "t.onnx")
    assert result.exit_code == USAGE
    assert "--calib" in result.stderr
    assert not (tmp_path / "t.onnx").exists()


def test_max_drop_prints_the_recipes_and_writes_the_one_taken(snncc, digits, tmp_path):
    arguments = ("convert", digits / "ann.onnx", "-o", tmp_path / "s.onnx", "--calib", digits / "train.npz")
    result = snncc(*arguments, "--coding", "fs", "--max-drop", 1)
    assert result.exit_code == SUCCESS
    assert "Recipes tried" in result.stdout
    recipes = json.loads(snncc(*arguments, "--coding", "fs", "--max-drop", 1, "--json").stdout)["recipes"]
    assert recipes[-1]["drop"] <= 1
    coding = json.loads({p.key: p.value for p in onnx.load(tmp_path / "s.onnx").metadata_props}["snncc.coding"])
    assert coding == recipes[-1]["coding"]


def test_max_drop_that_cannot_be_kept(snncc, digits, tmp_path):
    arguments = ("convert", digits / "ann.onnx", "-o", tmp_path / "s.onnx", "--coding", "rate", "--T", 1)
    result = snncc(*arguments, "--calib", digits / "train.npz", "--max-drop", 0.1)
    assert result.exit_code == ERROR
    assert "T=1" in result.stdout
    assert "no recipe loses at most 0.1 points" in result.stderr
    assert not (tmp_path / "s.onnx").exists()
    assert "--calib" in snncc(*arguments, "--max-drop", 0.1).stderr
