# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json


def test_bench_prints_a_row_for_each_network(snncc, digits):
    arguments = ("bench", digits / "snn.onnx", "--ann", digits / "ann.onnx", "--rounds", 2, "--device", "cpu")
    result = snncc(*arguments, "--batch", 8, "--threads", 1, "--layers")
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    assert [line.split("  ")[0].strip() for line in lines[3:6]] == [
        "ANN",
        "SNN, plain onnxruntime",
        "SNN, snncc's kernels",
    ]
    assert all(line.endswith(" x") for line in lines[3:6])
    assert "2 rounds on cpu, 1 thread(s)." in result.stdout
    assert "SNN, snncc's kernels: where the time goes" in result.stdout
    assert "OneSpikeNeuron" in result.stdout
    assert max(map(len, lines[1:])) <= 80


def test_bench_as_json(snncc, digits):
    result = snncc("bench", digits / "snn.onnx", "--data", digits / "test.npz", "--rounds", 1, "--json")
    found = json.loads(result.stdout)
    assert [n["name"] for n in found["networks"]] == ["body", "kernels"]
    assert all(n["ms"]["p50"] > 0 and n["ratio"] is None for n in found["networks"])
    assert (found["batch"], found["rounds"], found["layers"]) == (1, 1, {})


def test_bench_refuses_what_is_not_converted(snncc, digits):
    result = snncc("bench", digits / "ann.onnx")
    assert result.exit_code == 1
    assert "has no spiking neurons" in result.stderr
