# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json

import numpy as np
import onnx
import pytest

import snncc as library
from snncc.execution.spike_trains import SpikeTrains, replay
from snncc.models.digits import load_digits


@pytest.fixture(scope="module")
def models(digits):
    """The folder of `digits`, with rate-step.onnx, phase-step.onnx and early-step.onnx, whose layers do not wait."""
    codings = {"rate": library.Rate(T=12), "phase": library.Phase(T=6, Q=1.5), "early": library.Phase(T=6, wait=3)}
    for name, coding in codings.items():
        model = library.convert(digits / "ann.onnx", coding, calibration=load_digits().train_images[:100], form="step")
        onnx.save(model, digits / f"{name}-step.onnx")
    return digits


def test_spikes_are_saved_and_counted(snncc, digits, tmp_path):
    spikes, out = tmp_path / "spikes.npz", tmp_path / "out.npz"
    result = snncc(
        "run", digits / "snn.onnx", digits / "test.npz", "--spikes", spikes, "-o", out, "--limit", 30, "--json"
    )
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    trains = SpikeTrains.from_npz(spikes)
    assert trains.samples == 30
    assert found["spikes"] == {layer.name: layer.count for layer in trains.layers}
    assert found["outputs"] == {"logits": [30, 10]}
    outputs = np.load(out)["logits"]
    assert np.array_equal(replay(digits / "snn.onnx", trains)["logits"], outputs)
    assert found["top_class"] == outputs.argmax(1).tolist()
    table = snncc("run", digits / "snn.onnx", digits / "test.npz", "--spikes", spikes, "--limit", 3).stdout
    assert "stem.relu_neuron" in table
    assert max(map(len, table.splitlines())) <= 80


def test_spikes_of_a_folder_of_images(snncc, digits, tmp_path):
    from PIL import Image

    (tmp_path / "images").mkdir()
    for name in ("a.png", "b.png"):
        Image.new("L", (8, 8), 128).save(tmp_path / "images" / name)
    options = ("--preprocess", "unit", "--spikes", tmp_path / "spikes.npz")
    assert snncc("run", digits / "snn.onnx", tmp_path / "images", *options).exit_code == 0
    assert SpikeTrains.from_npz(tmp_path / "spikes.npz").samples == 2


def test_a_model_of_single_steps_runs_them_all(snncc, models, tmp_path):
    out = tmp_path / "out.npz"
    for name in ("rate", "phase"):
        result = snncc("run", models / f"{name}-step.onnx", models / "test.npz", "-o", out, "--json")
        assert result.exit_code == 0, result.output
        found = json.loads(result.stdout)
        assert np.mean(np.array(found["top_class"]) == np.load(models / "test.npz")["labels"]) >= 0.9
        assert len(set(found["steps"])) == 1
        assert list(np.load(out)) == ["logits"]
    text = snncc("run", models / "rate-step.onnx", models / "test.npz", "--limit", 5).stdout
    assert text.splitlines()[-1] == "Mean number of time steps: 12 of 12."


def test_early_exit_takes_fewer_steps(snncc, models):
    arguments = ("run", models / "rate-step.onnx", models / "test.npz", "--json", "--early-exit")
    means = [np.mean(json.loads(snncc(*arguments, margin).stdout)["steps"]) for margin in (0, 2, 1e9)]
    assert 2 <= means[0] < means[1] < means[2] == 12
    found = json.loads(snncc(*arguments, 3).stdout)
    assert np.mean(np.array(found["top_class"]) == np.load(models / "test.npz")["labels"]) >= 0.9
    text = snncc("run", models / "rate-step.onnx", models / "test.npz", "--early-exit", 2).stdout
    assert text.splitlines()[-1] == f"Mean number of time steps: {means[1]:.4g} of 12."


@pytest.mark.parametrize(
    ("model", "options", "reason"),
    [
        ("early-step.onnx", ["--spikes", "s.npz"], "Error: spike trains are recorded of networks in the folded"),
        ("ann.onnx", ["--spikes", "s.npz"], "Error: the model has no spiking neurons"),
        ("snn.onnx", ["--early-exit", 1], "Error: --early-exit needs a model of single time steps"),
        ("phase-step.onnx", ["--early-exit", 1], "Error: early exit needs outputs that are means"),
        ("snn.onnx", ["--spikes", "s.npz", "-o", "./s.npz"], "Error: s.npz: is named by both"),
        ("snn.onnx", ["--spikes", "nowhere/s.npz"], "Error: "),
    ],
)
def test_refusals_leave_nothing_behind(snncc, models, tmp_path, monkeypatch, model, options, reason):
    monkeypatch.chdir(tmp_path)
    result = snncc("run", models / model, models / "test.npz", *options)
    assert result.exit_code == (1 if model == "snn.onnx" and "--spikes" in options else 2)
    assert result.stdout == ""
    assert reason.removesuffix(" ") in result.stderr
    assert not list(tmp_path.iterdir())


def test_early_exit_and_spikes_exclude_each_other(snncc, models):
    result = snncc("run", models / "rate-step.onnx", models / "test.npz", "--early-exit", 1, "--spikes", "s.npz")
    assert result.exit_code == 2
    assert "give one of them" in result.stderr
    assert snncc("run", "a.onnx", "b.npz", "--early-exit", -1).exit_code == 2
