# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json

import onnx


def test_reduce_writes_the_smallest_model(snncc, digits, tmp_path):
    small = tmp_path / "small.onnx"
    result = snncc("debug", "reduce", digits / "snn.onnx", "--check", "grep -q MaxPool {}", "-o", small)
    assert result.exit_code == 0, result.output
    assert [n.op_type for n in onnx.load(small).graph.node] == ["MaxPool"]
    assert "13 nodes" in result.stdout
    assert "MaxPool" in result.stdout
    found = json.loads(
        snncc("debug", "reduce", digits / "ann.onnx", "--check", "grep -q MaxPool {}", "-o", small, "--json").stdout
    )
    assert (found["after"], found["nodes"]) == (1, [{"op": "MaxPool", "name": "pool"}])
    assert found["before"] > 10


def test_reduce_refuses_what_shows_no_fault(snncc, digits, tmp_path):
    small = tmp_path / "small.onnx"
    for command, reason in (("grep -q Nothing {}", "shows no fault as it is"), ("true", "Put {} there")):
        result = snncc("debug", "reduce", digits / "ann.onnx", "--check", command, "-o", small)
        assert result.exit_code == 2
        assert result.stderr.startswith("Error: ")
        assert reason in result.stderr
        assert not small.exists()
    missing = snncc("debug", "reduce", tmp_path / "no.onnx", "--check", "true {}", "-o", small)
    assert missing.stderr.startswith("Error: ")


def test_help_says_what_the_exit_status_means(snncc):
    text = snncc("debug", "reduce", "--help").stdout
    assert "exit with status 0 where the candidate still shows the fault" in " ".join(text.split())
    assert max(map(len, text.splitlines())) <= 80


def test_layers_are_listed(snncc, digits):
    arguments = ("debug", "layers", digits / "snn.onnx", "--ann", digits / "ann.onnx", "--data", digits / "test.npz")
    result = snncc(*arguments, "--limit", 20)
    assert result.exit_code == 0, result.output
    found = json.loads(snncc(*arguments, "--limit", 20, "--json").stdout)
    assert found["samples"] == 20
    assert 0 < found["exact_error"] < found["output_error"] < 0.2
    relus = {"stem.relu", "block.a.relu", "block.relu", "wide.relu"}
    assert {x["replaces"] for x in found["layers"]} == {*relus, None}
    lines = result.stdout.splitlines()
    assert [line.split()[0] for line in lines[3:8]] == [x["replaces"] or x["name"] for x in found["layers"]]
    assert f"error is {100 * found['output_error']:.2f} %" in lines[-1]
    assert max(map(len, lines[1:])) <= 80


def test_layers_need_the_source(snncc, digits):
    result = snncc("debug", "layers", digits / "snn.onnx", "--ann", digits / "snn.onnx", "--data", digits / "test.npz")
    assert result.exit_code == 1
    assert "already converted" in result.stderr
