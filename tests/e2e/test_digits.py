# SPDX-License-Identifier: Apache-2.0
"""The digits network from end to end: every option, with and without the native library, and the README's commands."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import pytest

import snncc
from snncc.evaluation.result import Evaluation
from snncc.models.digits import Digits
from snncc.runtime import create_session

ROOT = Path(__file__).parents[2]


def converted(ann: bytes, digits: Digits, coding: snncc.Phase, **options: object) -> onnx.ModelProto:
    return snncc.convert(ann, coding, calibration=digits.train_images, **options)  # type: ignore[arg-type]


def evaluated(snn: onnx.ModelProto, ann: bytes, digits: Digits) -> Evaluation:
    return snncc.evaluate(snn, ann, digits.test_images, labels=digits.test_labels, device="cpu")


# -- accuracy ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("T", "Q"), [(16, 1.3), (24, 1.2)])
def test_calibrated_network_loses_at_most_a_point(ann, digits, T, Q):
    found = evaluated(converted(ann, digits, snncc.Phase(T=T, Q=Q)), ann, digits)
    print(f"\ndigits, T={T}, Q={Q}: ANN, SNN {found.top1}")
    assert found.top1[0] > 99.0
    assert found.drop <= 1.0
    assert found.agreement >= 0.99


def test_network_without_data_loses_at_most_a_point(ann, digits):
    found = evaluated(snncc.convert(ann, snncc.Phase(T=16, Q=1.3)), ann, digits)
    assert found.drop <= 1.0


def test_threshold_shift_is_worth_it(ann, digits):
    """At six phases, where rounding and flooring are far apart."""
    shifted, floored = (
        evaluated(converted(ann, digits, snncc.Phase(T=6, Q=1.3, shift=s), scale="max", match=False), ann, digits)
        for s in (True, False)
    )
    assert shifted.top1[1] > floored.top1[1] + 10
    assert shifted.output_error < floored.output_error


@pytest.mark.parametrize(
    "options",
    [
        {"normalize": "channel"},
        {"normalize": "layer"},
        {"normalize": "none"},
        {"percentile": 99.9},
        {"scale": "max"},
        {"match": False},
    ],
    ids=str,
)
def test_every_way_to_scale_keeps_the_accuracy(ann, digits, options):
    found = evaluated(converted(ann, digits, snncc.Phase(T=16, Q=1.3), **options), ann, digits)
    assert found.drop <= 1.0
    assert found.max_spikes == 1


# -- coding of the input, and several spikes ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("coded", "fewest", "most"),
    [("binary", 0.5, 16.0), ("one", 0.1, 1.0), ("analog", 0.0, 0.0)],
)
def test_input_coding(ann, digits, coded, fewest, most):
    """Spikes per input value lie within the bounds; an analog input keeps the first layer's MACs."""
    found = evaluated(converted(ann, digits, snncc.Phase(T=16, Q=1.3, input=coded)), ann, digits)
    assert found.drop <= 1.0
    assert fewest <= found.input_spikes_per_value <= most
    assert (found.energy.analog_macs > 0) == (coded == "analog")


@pytest.mark.parametrize(("spikes", "Q"), [(1, 1.6), (2, 2), (8, 2)])
def test_spikes_of_a_neuron_are_counted(ann, digits, spikes, Q):
    """One spike where one is allowed; the count can say more, and does where more are allowed."""
    found = evaluated(converted(ann, digits, snncc.Phase(T=8, Q=Q, spikes=spikes)), ann, digits)
    assert found.max_spikes == spikes
    assert found.drop <= 1.0


def test_one_spike_at_most(ann, digits):
    """Of every neuron of every layer, for every sample: counted by `evaluate` in the ops' own spike counts."""
    found = evaluated(converted(ann, digits, snncc.Phase(T=24, Q=1.2)), ann, digits)
    hidden = [layer for layer in found.layers if not layer.encoder]
    assert len(hidden) == 4
    assert found.neurons == sum(layer.neurons for layer in hidden) == 3 * 16 * 64 + 32 * 16
    assert {layer.peak for layer in hidden} == {1}
    assert all(0 < layer.total < layer.neurons for layer in hidden)


# -- the same file in plain onnxruntime --------------------------------------------------------------------------------


@pytest.mark.parametrize("coding", [snncc.Phase(T=24, Q=1.2), snncc.Phase(T=8, Q=2, spikes=2)], ids=str)
def test_plain_onnxruntime_gives_the_same_outputs(ann, digits, coding, tmp_path):
    path = tmp_path / "snn.onnx"
    onnx.save(converted(ann, digits, coding), path)
    feeds = {"input": digits.test_images}
    plain = ort.InferenceSession(str(path), extended(), providers=["CPUExecutionProvider"])
    native = create_session(path, device="cpu", options=extended())
    np.testing.assert_array_equal(plain.run(None, feeds)[0], native.run(None, feeds)[0])


def extended() -> ort.SessionOptions:
    """Above this level onnxruntime sums up convolutions in another order where it knows what follows them."""
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
    return options


# -- the command line --------------------------------------------------------------------------------------------------


def quick_start() -> list[list[str]]:
    """The commands under "A first conversion" in the README."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    section = text.split("## A first conversion", 1)[1].split("```", 1)[0]
    return [shlex.split(line) for line in re.findall(r"^    (snncc .+)$", section, re.MULTILINE)]


@pytest.mark.slow
def test_readme_commands_run_as_written(ann, digits, tmp_path):
    (tmp_path / "model.onnx").write_bytes(ann)
    np.savez(tmp_path / "train.npz", input=digits.train_images)
    np.savez(tmp_path / "test.npz", input=digits.test_images, labels=digits.test_labels)
    commands = quick_start()
    assert [command[1] for command in commands] == ["convert", "evaluate"]
    program = Path(sys.executable).parent / "snncc"
    texts = [run([str(program), *command[1:]], tmp_path) for command in commands]
    assert "OneSpikeNeuron" in texts[0]
    assert "Wrote snn.onnx" in texts[0]
    assert re.search(r"most spikes of a neuron +1\s", texts[1])
    found = json.loads(run([str(program), *commands[1][1:], "--json"], tmp_path))
    assert found["accuracy_percent"]["drop_points"] <= 1.0
    assert found["spikes"]["max"] == 1


def run(command: list[str], folder: Path) -> str:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout
