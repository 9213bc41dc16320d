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
        assert result.exit_code == 1
        assert result.stderr.startswith("OptionError: ")
        assert reason in result.stderr
        assert not small.exists()
    missing = snncc("debug", "reduce", tmp_path / "no.onnx", "--check", "true {}", "-o", small)
    assert missing.stderr.startswith("ModelError: ")


def test_help_says_what_the_exit_status_means(snncc):
    text = snncc("debug", "reduce", "--help").stdout
    assert "exit with status 0 where the candidate still shows the fault" in " ".join(text.split())
    assert max(map(len, text.splitlines())) <= 80
