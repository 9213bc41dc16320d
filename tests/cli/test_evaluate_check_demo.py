# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json
import re
import sys
from xml.etree import ElementTree

import numpy as np
import onnx.parser
import pytest


@pytest.fixture
def trio(digits):
    return [digits / "snn.onnx", "--ann", digits / "ann.onnx", "--data", digits / "test.npz"]


def test_evaluate_prints_both_networks(snncc, trio):
    result = snncc("evaluate", *trio)
    assert result.exit_code == 0
    rows = {line[:20].strip(): line.split() for line in result.stdout.splitlines()}
    assert rows["samples"] == ["samples", "100", "100"]
    assert rows["top-1 accuracy (%)"][-1]
    title, *table = result.stdout.splitlines()
    assert title == f"{trio[0]} on {trio[-1]}"
    assert max(map(len, table)) <= 80


def test_evaluate_as_json(snncc, trio):
    found = json.loads(snncc("evaluate", *trio, "--json", "--limit", 64).stdout)
    assert found["samples"] == 64
    assert found["accuracy_percent"]["top1"]["snn"] >= 95
    assert found["spikes"]["max"] == 1


def test_evaluate_layer_by_layer_fits_80_columns(snncc, trio):
    result = snncc("evaluate", *trio, "--limit", 16, "--layers")
    assert result.exit_code == 0
    short = snncc("evaluate", *trio, "--limit", 16).stdout.splitlines()
    lines = result.stdout.splitlines()
    assert max(map(len, lines[1:])) <= 80
    assert [line.split()[0] for line in lines[:4]] == [line.split()[0] for line in short[:4]]
    found = json.loads(snncc("evaluate", *trio, "--limit", 16, "--json").stdout)
    names = {line.split()[0] for line in lines[len(short) :] if line.strip()}
    assert {layer["name"] for layer in found["neuron_layers"]} <= names
    assert {layer["name"][-10:] for layer in found["synaptic_layers"]} <= {name[-10:] for name in names}


def test_evaluate_layers_counts_phase_by_phase(snncc, trio):
    lines = snncc("evaluate", *trio, "--limit", 16, "--layers").stdout.splitlines()
    title = next(at for at, line in enumerate(lines) if line.startswith("Neurons that fire at a step"))
    columns = lines[title + 1].split()
    told = next(line for line in lines[title:] if line.startswith(" in all")).split()[2:]
    whole, counted = (
        json.loads(snncc("evaluate", *trio, "--limit", 16, "--json", *more).stdout) for more in ((), ("--layers",))
    )
    assert whole["spikes"]["share_per_step"] is None
    share = counted["spikes"]["share_per_step"]
    assert sum(share) == pytest.approx(whole["spikes"]["per_neuron"])
    groups = [[int(x) for x in column.split("-")] for column in columns[1:]]
    means = [100 * np.mean(share[group[0] : group[-1] + 1]) for group in groups]
    assert groups[-1][-1] == len(share) - 1
    np.testing.assert_allclose([float(x) for x in told], means, atol=0.0501)


def test_evaluate_without_labels_has_no_accuracy(snncc, digits, tmp_path):
    np.save(tmp_path / "x.npy", np.load(digits / "test.npz")["input"][:8])
    trio = [digits / "snn.onnx", "--ann", digits / "ann.onnx", "--data", tmp_path / "x.npy"]
    assert json.loads(snncc("evaluate", *trio, "--json").stdout)["accuracy_percent"]["top1"] is None


def test_check_passes_a_good_model(snncc, trio, tmp_path):
    budgets = ["--max-drop", 2, "--max-spikes", 1, "--min-energy-gain", 3, "--agree", 0.95]
    result = snncc("check", *trio, *budgets, "--junit", tmp_path / "junit.xml")
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    assert [line.split(":")[0] for line in lines[:-1]] == [
        "ok  max-drop",
        "ok  max-spikes",
        "ok  min-energy-gain",
        "ok  agree",
    ]
    root = ElementTree.parse(tmp_path / "junit.xml").getroot()
    assert root.get("failures") == "0"
    assert {"max-drop", "max-spikes", "min-energy-gain", "agree"} <= {c.get("name") for c in root.iter("testcase")}


def test_check_prints_a_line_per_failure(snncc, trio):
    result = snncc("check", *trio, "--max-spikes", 0.01, "--min-energy-gain", 1000)
    assert result.exit_code == 1
    failed = [line for line in result.stdout.splitlines() if line.startswith("FAILED")]
    assert [line.split()[1] for line in failed] == ["max-spikes:", "min-energy-gain:"]
    assert result.stderr == ""
    as_json = snncc("check", *trio, "--max-spikes", 0.01, "--json")
    assert as_json.exit_code == 1
    found = json.loads(as_json.stdout)
    assert [c["name"] for c in found["checks"] if not c["passed"]] == ["max-spikes"]


def test_check_fails_an_ann_that_was_never_converted(snncc, digits):
    result = snncc("check", digits / "ann.onnx", "--ann", digits / "ann.onnx", "--data", digits / "test.npz")
    assert result.exit_code == 1
    assert "FAILED  no-relu" in result.stdout


@pytest.fixture
def other(tmp_path):
    """A network with an input of the same name and another shape."""
    model = onnx.parser.parse_model(
        '<ir_version: 8, opset_import: ["": 17]> g (float[N, 3, 9, 9] input) => (float[N, 3, 9, 9] y) '
        "{ y = Relu (input) }"
    )
    onnx.save(model, tmp_path / "other.onnx")
    return tmp_path / "other.onnx"


def test_evaluate_refuses_an_ann_of_another_shape(snncc, digits, other):
    result = snncc("evaluate", digits / "snn.onnx", "--ann", other, "--data", digits / "test.npz")
    assert result.exit_code == 1
    assert "[N, 3, 9, 9]: not converted from it" in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_check_reports_the_structure_for_an_ann_of_another_shape(snncc, digits, other):
    data = ["--data", digits / "test.npz", "--agree", 0.5]
    result = snncc("check", digits / "snn.onnx", "--ann", other, *data, "--json")
    assert result.exit_code == 1
    checks = {c["name"]: c for c in json.loads(result.stdout)["checks"]}
    assert checks["valid"]["passed"]
    assert re.search("sha256 [0-9a-f]{12}, but the ANN given has [0-9a-f]{12}$", checks["metadata-source"]["message"])
    for name in ("kernel", "spike-limit", "agree"):
        assert not checks[name]["passed"]
        assert "not converted from it" in checks[name]["message"]


@pytest.mark.parametrize("command", ["evaluate", "check"])
def test_a_converted_ann_is_refused(snncc, digits, command):
    data = ["--data", digits / "test.npz"]
    both = snncc(command, digits / "snn.onnx", "--ann", digits / "snn.onnx", *data)
    assert (both.exit_code, "swapped" in both.stderr) == (1, False)
    assert "snn.onnx is already converted; give the network that it was made from" in both.stderr
    swapped = snncc(command, digits / "ann.onnx", "--ann", digits / "snn.onnx", *data)
    assert (swapped.exit_code, "are SNN and --ann swapped?" in swapped.stderr) == (1, True)


def test_evaluate_warns_of_another_source(snncc, digits, trio, tmp_path):
    model = onnx.load(digits / "ann.onnx")
    model.doc_string = "retrained"
    onnx.save(model, tmp_path / "later.onnx")
    trio[2] = tmp_path / "later.onnx"
    result = snncc("evaluate", *trio)
    assert result.exit_code == 0
    assert result.stderr.count("converted from another model") == 1
    assert len(result.stderr.splitlines()) == 1


def test_raw_pixels_are_warned_of_once_per_command(snncc, digits, tmp_path):
    np.savez(tmp_path / "pixels.npz", images=np.zeros((40, 8, 8), np.uint8))
    data, ann = tmp_path / "pixels.npz", digits / "ann.onnx"
    commands = [
        ["evaluate", digits / "snn.onnx", "--ann", ann, "--data", data],
        ["check", digits / "snn.onnx", "--ann", ann, "--data", data],
        ["convert", ann, "-o", tmp_path / "out.onnx", "--calib", data],
    ]
    for command in commands:
        assert snncc(*command).stderr.count("uint8 data is taken raw") == 1
        assert "uint8" not in snncc(*command, "--preprocess", "raw").stderr


@pytest.mark.parametrize("command", ["evaluate", "check"])
def test_missing_data_is_named(snncc, digits, command):
    result = snncc(command, digits / "snn.onnx", "--ann", digits / "ann.onnx", "--data", "nowhere.npz")
    assert result.exit_code == 1
    assert "nowhere.npz" in result.stderr


def test_demo_is_accurate_and_fits_80_columns(snncc):
    result = snncc("demo")
    assert result.exit_code == 0
    assert max(map(len, result.stdout.splitlines())) <= 80
    found = json.loads(snncc("demo", "--json").stdout)
    top1 = found["accuracy_percent"]["top1"]
    assert top1["ann"] >= 98
    assert top1["snn"] >= top1["ann"] - 1
    assert found["spikes"]["max"] == 1


def test_demo_without_scikit_learn_says_what_to_install(snncc, monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn", None)
    result = snncc("demo")
    assert result.exit_code == 1
    assert "pip install 'snncc[demo]'" in result.stderr
