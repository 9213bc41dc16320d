# SPDX-License-Identifier: Apache-2.0
"""Spike confidence: its measurement in calibration, and its effect on early spikes."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import helper

import snncc
from snncc.errors import OptionError
from snncc.ir.metadata import metadata_of
from snncc.models import digits_network
from snncc.models.digits import load_digits
from snncc.ops.hashed_random import hashed_uniform
from snncc.ops.msat import CONFIDENT_MSAT, MSAT, PRESETS


@pytest.fixture(scope="module")
def images() -> np.ndarray:
    return load_digits().train_images[:96]


def confidence(images: np.ndarray, **options: object) -> dict[str, dict[str, float]]:
    snn = snncc.convert(digits_network(), snncc.MSAT(T=12, **options), calibration=images)
    return metadata_of(snn)["snncc.calibration"]["confidence"]


def test_the_last_layer_is_measured(images):
    found = confidence(images, confidence="auto")
    assert list(found) == ["wide.relu_neuron"]
    assert 0.5 < found["wide.relu_neuron"]["p"] < 1
    assert found["wide.relu_neuron"]["early"] == 16


def test_all_layers_and_the_early_steps_are_measured(images):
    found = confidence(images, confidence="auto", early="auto", confidence_layers="all")
    assert len(found) == 4
    assert found["stem.relu_neuron"] == {"p": 1.0, "early": 0}  # its input is constant: no neuron has SIN
    assert all(1 <= c["early"] <= 12 for name, c in found.items() if name != "stem.relu_neuron")


def test_given_numbers_need_no_data():
    snn = snncc.convert(digits_network(), snncc.MSAT(T=4, confidence=0.5, early=2), input_range=(0, 1))
    node = next(n for n in snn.graph.node if n.op_type == "ConfidentMSATNeuron")
    attributes = {a.name: helper.get_attribute_value(a) for a in node.attribute}
    assert (attributes["survival"], attributes["early"]) == (2**31, 2)


def test_without_data_nothing_is_measured():
    with pytest.raises(OptionError, match="measured on calibration data"):
        snncc.convert(digits_network(), snncc.MSAT(T=4, confidence="auto"), input_range=(0, 1))


def test_a_suppressed_spike_is_not_reset():
    """With no confidence at all, the potential of the early steps is the plain sum of the currents."""
    x = np.random.default_rng(0).random((8, 5)).astype(np.float32)
    zero, one = np.zeros(1, np.float32), np.ones(1, np.float32)
    inputs = [x, one, zero, zero, np.zeros(1, np.int64)]
    attributes = {"steps": 4, **PRESETS["resnet20"], "survival": 0, "early": 4, "key": 1}
    y, v, _, count = CONFIDENT_MSAT.reference(inputs, attributes)
    assert not y.any()
    assert not count.any()
    steps = x.reshape(4, 2, 5)
    np.testing.assert_array_equal(v, ((steps[0] + steps[1]) + steps[2]) + steps[3])
    certain = CONFIDENT_MSAT.reference(inputs, {**attributes, "survival": 2**32})
    for a, b in zip(certain, MSAT.reference(inputs, attributes), strict=True):
        np.testing.assert_array_equal(a, b)


def test_draws_are_even_and_independent():
    numbers = np.stack([hashed_uniform(7, np.arange(4096), step) for step in range(16)]) / 2**32
    assert abs(numbers.mean() - 0.5) < 0.01
    assert np.abs(np.corrcoef(numbers) - np.eye(16)).max() < 0.06
    assert np.abs(np.corrcoef(numbers[:, :-1].ravel(), numbers[:, 1:].ravel())[0, 1]) < 0.02
    assert (hashed_uniform(8, np.arange(4096), 0) != hashed_uniform(7, np.arange(4096), 0)).mean() > 0.99


def test_seeds_draw_otherwise(images):
    keys = []
    for seed in (0, 1):
        snn = snncc.convert(digits_network(), snncc.MSAT(T=4, confidence=0.5, seed=seed), calibration=images)
        node = next(n for n in snn.graph.node if n.op_type == "ConfidentMSATNeuron")
        keys.append(onnx.helper.get_attribute_value(next(a for a in node.attribute if a.name == "key")))
    assert keys[0] != keys[1]
