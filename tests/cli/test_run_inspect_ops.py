# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json

import numpy as np
import onnx.parser
import pytest
from PIL import Image

from snncc.ops import all_ops


def test_run_prints_the_top_class_and_saves_outputs(snncc, digits, tmp_path):
    out = tmp_path / "out.npz"
    result = snncc("run", digits / "snn.onnx", digits / "test.npz", "-o", out, "--json")
    assert result.exit_code == 0
    top, labels = json.loads(result.stdout)["top_class"], np.load(digits / "test.npz")["labels"]
    assert np.mean(np.array(top) == labels) >= 0.95
    assert np.load(out)["logits"].argmax(1).tolist() == top
    table = snncc("run", digits / "snn.onnx", digits / "test.npz", "--device", "cpu").stdout
    assert table.splitlines()[-2].split()[:2] == ["99", str(top[99])]


def test_run_stops_at_the_limit(snncc, digits, tmp_path):
    found = [
        json.loads(snncc("run", digits / "snn.onnx", digits / "test.npz", "--json", *options).stdout)
        for options in ([], ["--limit", 70], ["--limit", 1000])
    ]
    assert found[1] == {"outputs": {"logits": [70, 10]}, "top_class": found[0]["top_class"][:70]}
    assert found[2] == found[0]


def test_run_names_the_images_of_a_folder(snncc, digits, tmp_path):
    for name in ("seven.png", "one.png"):
        Image.new("L", (8, 8)).save(tmp_path / name)
    lines = snncc("run", digits / "snn.onnx", tmp_path, "--preprocess", "unit").stdout.splitlines()
    assert [line.split()[0] for line in lines[3:-1]] == ["one.png", "seven.png"]


def test_run_also_takes_the_source_network(snncc, digits):
    assert snncc("run", digits / "ann.onnx", digits / "test.npz").exit_code == 0


def test_run_refuses_data_of_another_shape(snncc, digits, tmp_path):
    np.save(tmp_path / "wrong.npy", np.zeros((4, 3, 9), np.float32))
    result = snncc("run", digits / "snn.onnx", tmp_path / "wrong.npy")
    assert result.exit_code == 1
    assert result.stderr.startswith("DataError: ")
    assert "'input' float32" in result.stderr


def test_inspect_of_a_converted_model(snncc, digits):
    found = json.loads(snncc("inspect", digits / "snn.onnx", "--json").stdout)
    assert found["converted"]
    assert found["metadata"]["snncc.coding"]["T"] == 24
    assert len(found["neurons"]) == 5
    assert {n["replaces"] for n in found["neurons"]} >= {"stem.relu", "block.a.relu", "wide.relu", None}
    text = snncc("inspect", digits / "snn.onnx").stdout
    assert "coding.Q" in text
    assert "stem.relu_neuron" in text
    assert max(map(len, text.splitlines())) <= 80


def test_inspect_of_a_network_that_converts(snncc, digits):
    found = json.loads(snncc("inspect", digits / "ann.onnx", "--json").stdout)
    assert (found["converted"], found["convertible"], found["obstacles"]) == (False, True, [])
    assert "It converts." in snncc("inspect", digits / "ann.onnx").stdout


def test_inspect_lists_every_obstacle(snncc, tmp_path):
    model = onnx.parser.parse_model(
        '<ir_version: 8, opset_import: ["": 17]> g (float[N, 4] x) => (float[N, 4] y)'
        "{ a = Erf (x) b = Relu (a) c = Erf (b) d = Sigmoid (c) y = Relu (d) }"
    )
    onnx.save(model, tmp_path / "odd.onnx")
    result = snncc("inspect", tmp_path / "odd.onnx", "--json")
    found = json.loads(result.stdout)
    assert result.exit_code == 0
    assert not found["convertible"]
    text = "\n".join(found["obstacles"])
    assert "Erf" in text
    assert "Sigmoid" in text


def test_ops_lists_all_and_describes_one(snncc):
    listed = snncc("ops").stdout
    for op in all_ops():
        assert op.name in listed
        described = snncc("ops", op.name).stdout
        assert all(p.name in described for p in (*op.inputs, *op.outputs, *op.attributes))
    assert json.loads(snncc("ops", "PhaseNeuron", "--json").stdout)["name"] == "PhaseNeuron"
    assert len(json.loads(snncc("ops", "--json").stdout)) == len(all_ops())


@pytest.mark.parametrize("arguments", [["ops", "Nothing"], ["inspect", "nowhere.onnx"], ["run", "a.onnx", "b.npz"]])
def test_errors_are_one_line_and_exit_1(snncc, arguments):
    result = snncc(*arguments)
    assert result.exit_code == 1
    assert len(result.stderr.strip().splitlines()) == 1
    assert result.stdout == ""
