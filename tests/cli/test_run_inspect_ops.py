# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json

import numpy as np
import onnx.parser
import pytest
from PIL import Image

from snncc import Rate, convert
from snncc.models import digits_network
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
    assert result.stderr.startswith("Error: ")
    assert "'input' float32" in result.stderr


def test_inspect_of_a_converted_model(snncc, digits):
    found = json.loads(snncc("inspect", digits / "snn.onnx", "--json").stdout)
    assert found["converted"]
    assert found["metadata"]["snncc.coding"]["T"] == 24
    assert len(found["neurons"]) == 5
    assert {n["replaces"] for n in found["neurons"]} >= {"stem.relu", "block.a.relu", "wide.relu", None}
    assert found["outcome"]["batchnorm"] == {"folded": 4, "into": "weights", "left": []}
    text = snncc("inspect", digits / "snn.onnx").stdout
    assert "4 Conv                 synapses" in text
    assert "coding.Q" in text
    assert "stem.relu_neuron" in text
    assert max(map(len, text.splitlines())) <= 80


def test_inspect_of_a_network_that_converts(snncc, digits):
    found = json.loads(snncc("inspect", digits / "ann.onnx", "--json").stdout)
    assert (found["converted"], found["convertible"], found["obstacles"]) == (False, True, [])
    assert found["analog"] == {"phase": {}, "fs": {}, "rate": {}, "msat": {}, "differential": {}}
    assert "It converts." in snncc("inspect", digits / "ann.onnx").stdout


def test_inspect_says_which_codings_have_neurons_for_a_network(snncc, tmp_path):
    (tmp_path / "silu.onnx").write_bytes(digits_network("silu"))
    found = json.loads(snncc("inspect", tmp_path / "silu.onnx", "--json").stdout)
    assert (found["convertible"], found["analog"]["fs"]) == (True, {})
    assert set(found["analog"]["differential"].values()) == {"Sigmoid", "Mul"}  # its neurons code their product
    assert found["refused"].keys() == {"phase", "rate", "msat"}
    shares = found["spike_share"]
    assert shares.keys() == {"fs", "differential"}
    assert 0.9 < shares["differential"] == shares["fs"] < 1  # the input is analog
    text = " ".join(snncc("inspect", tmp_path / "silu.onnx").stdout.split())
    assert "It converts with --coding fs." in text
    assert "Not with --coding phase or rate or msat:" in text
    assert f"Spikes would drive {100 * shares['fs']:.4g} % with --coding fs or differential of the" in text
    assert "holds no ReLU" in text


def test_inspect_names_what_would_stay_analog(snncc, tmp_path):
    model = onnx.parser.parse_model(
        '<ir_version: 8, opset_import: ["": 17]> g (float[N, 4] x) => (float[N, 4] y)'
        "{ a = Relu (x) b = Sigmoid (a) c = Mul (a, b) d = Exp (c) e = Sigmoid (d) f = Mul (d, a) y = Relu (f) }"
    )
    onnx.save(model, tmp_path / "gated.onnx")
    found = json.loads(snncc("inspect", tmp_path / "gated.onnx", "--json").stdout)["analog"]
    assert sorted(found["fs"].values()) == ["Exp", "Mul"]
    assert sorted(found["rate"].values()) == ["Exp", "Mul", "Mul", "Sigmoid"]
    text = " ".join(snncc("inspect", tmp_path / "gated.onnx").stdout.split())
    assert "with --coding phase or rate or msat or differential; 4 op(s) would stay analog: Sigmoid" in text
    assert "with --coding fs; 2 op(s) would stay analog: Exp" in text


def test_inspect_knows_a_network_without_neurons(snncc, tmp_path):
    model = onnx.parser.parse_model(
        '<ir_version: 8, opset_import: ["": 17]> g (float[N, 4] x) => (float[N, 4] y) { y = Exp (x) }'
    )
    onnx.save(model, tmp_path / "linear.onnx")
    found = json.loads(snncc("inspect", tmp_path / "linear.onnx", "--json").stdout)
    assert (found["convertible"], found["analog"]) == (False, {})
    assert "holds no ReLU" in found["obstacles"][0]


def test_inspect_lists_every_unsupported_reason(snncc, tmp_path):
    model = onnx.parser.parse_model(
        '<ir_version: 8, opset_import: ["": 17]> g (float[N, 4] x) => (float[N, 4] y)'
        "{ a = Bernoulli (x) b = Relu (a) c = Bernoulli (b) d = RandomNormalLike (c) y = Relu (d) }"
    )
    onnx.save(model, tmp_path / "odd.onnx")
    result = snncc("inspect", tmp_path / "odd.onnx", "--json")
    found = json.loads(result.stdout)
    assert result.exit_code == 0
    assert not found["convertible"]
    text = "\n".join(found["obstacles"])
    assert "Bernoulli" in text
    assert "RandomNormalLike" in text


def test_ops_lists_all_and_describes_one(snncc):
    listed = snncc("ops").stdout
    for op in all_ops():
        assert op.name in listed
        described = snncc("ops", op.name).stdout
        assert all(p.name in described for p in (*op.inputs, *op.outputs, *op.attributes))
    assert json.loads(snncc("ops", "PhaseNeuron", "--json").stdout)["name"] == "PhaseNeuron"
    assert len(json.loads(snncc("ops", "--json").stdout)) == len(all_ops())


@pytest.mark.parametrize("arguments", [["ops", "Nothing"], ["inspect", "nowhere.onnx"], ["run", "a.onnx", "b.npz"]])
def test_errors_are_one_line(snncc, arguments):
    result = snncc(*arguments)
    assert result.exit_code == (2 if "ops" in arguments else 1)
    assert result.stderr.startswith("Error: ")
    assert len(result.stderr.strip().splitlines()) == 1
    assert result.stdout == ""


@pytest.mark.parametrize(
    ("coding", "shown"),
    [
        (["--coding", "rate", "--T", 5, "--signed"], ["stacks 5 time steps", "coding.signed   ", "RoundingIFNeuron"]),
        (["--coding", "msat", "--T", 5], ["stacks 5 time steps", "coding.tau_rd   ", "MSATNeuron"]),
        (["--coding", "fs", "--K", 4], ["coding.K   ", "FSNeuron"]),
        (["--T", 6, "--wait", 4], ["stacks 3 slices", "coding.wait   ", "WaitOneSpikeNeuron", "PhaseEncoder"]),
        (["--coding", "rate", "--T", 5, "--anytime"], ["stacks 5 time steps", "RoundingIFNeuron"]),
    ],
    ids=str,
)
def test_every_coding_is_run_and_inspected(snncc, digits, tmp_path, coding, shown):
    path = tmp_path / "snn.onnx"
    converted = snncc("convert", digits / "ann.onnx", "-o", path, *coding, "--calib", digits / "train.npz")
    assert converted.exit_code == 0, converted.output
    text = snncc("inspect", path).stdout
    assert [words for words in shown if words not in text] == []
    assert max(map(len, text.splitlines())) <= 80
    found = json.loads(snncc("inspect", path, "--json").stdout)
    assert {n["replaces"] for n in found["neurons"]} >= {"stem.relu", "wide.relu"}
    assert {"Readout", "RunningTotal", "Increase"}.isdisjoint(n["op"] for n in found["neurons"])
    out = json.loads(snncc("run", path, digits / "test.npz", "-o", tmp_path / "out.npz", "--json").stdout)
    assert out["outputs"]["logits"] == ([5, 100, 10] if "--anytime" in coding else [100, 10])
    last = np.load(tmp_path / "out.npz")["logits"][-1 if "--anytime" in coding else slice(None)]
    assert last.argmax(1).tolist() == out["top_class"]
    assert np.mean(np.array(out["top_class"]) == np.load(digits / "test.npz")["labels"]) >= 0.5


def test_inspect_looks_into_loops(snncc, digits, tmp_path):
    model = convert(digits / "ann.onnx", Rate(T=5), form="loop", input_range=(0, 1))
    onnx.save(model, tmp_path / "loop.onnx")
    found = json.loads(snncc("inspect", tmp_path / "loop.onnx", "--json").stdout)
    assert [n["op"] for n in found["neurons"]] == ["RoundingIFNeuron"] * 4
    assert all(n["scale_range"] for n in found["neurons"])
    assert (found["ops"]["RoundingIFNeuron"], found["ops"]["Loop"]) == (4, 1)
    assert "form.form" in snncc("inspect", tmp_path / "loop.onnx").stdout


def test_inspect_tells_states_from_inputs(snncc, digits, tmp_path):
    model = convert(digits / "ann.onnx", Rate(T=5), form="step", input_range=(0, 1))
    onnx.save(model, tmp_path / "step.onnx")
    found = json.loads(snncc("inspect", tmp_path / "step.onnx", "--json").stdout)
    assert found["inputs"] == ["'input' float32 [N, 1, 8, 8]"]
    assert (found["outputs"], found["states"], found["batch_axis"]) == (["logits"], 12, None)
    text = snncc("inspect", tmp_path / "step.onnx").stdout
    assert "and 12 states, in and out" in text
    assert "stacks" not in text


def test_ops_says_what_is_a_neuron(snncc):
    found = {op["name"]: op for op in json.loads(snncc("ops", "--json").stdout)}
    assert found["IFNeuron"].items() >= {"neuron": True, "batch_axis": "steps", "states": {"V": "V_out"}}.items()
    assert found["Readout"].items() >= {"neuron": False, "batch_axis": None}.items()
    assert "between neurons, steps stacked" in snncc("ops", "Increase").stdout
