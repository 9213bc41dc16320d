# SPDX-License-Identifier: Apache-2.0
"""The shipped transformers and the network like MobileNet v3, as they are and converted by differential coding."""

from __future__ import annotations

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from onnx import numpy_helper

import snncc
from snncc.evaluation.spike_share import spike_share
from snncc.models import digits_mobilenet, digits_network, digits_transformers
from snncc.models.digits import load_digits

DATA = load_digits()
# By name: least accuracy on the test images, and the share of the operations that spikes drive.
NETWORKS = {"vit": (0.98, 0.995), "bert": (0.91, 1.0), "mobilenet": (0.985, 0.97)}


def inputs(images, kind):
    return images if kind == "mobilenet" else digits_transformers.inputs_of(images, kind)


@pytest.mark.parametrize("kind", NETWORKS)
def test_shipped_network_is_small_and_accurate(kind):
    model = digits_network(kind)
    session = ort.InferenceSession(model, providers=["CPUExecutionProvider"])
    logits = session.run(["logits"], {"input": inputs(DATA.test_images, kind)})[0]
    assert np.mean(logits.argmax(1) == DATA.test_labels) >= NETWORKS[kind][0]
    assert len(model) < 200_000


@pytest.mark.parametrize("kind", NETWORKS)
def test_shipped_network_is_what_the_script_builds(kind):
    shipped = onnx.load_model_from_string(digits_network(kind))
    weights = {t.name: numpy_helper.to_array(t) for t in shipped.graph.initializer}
    again = digits_mobilenet.build(weights) if kind == "mobilenet" else digits_transformers.build(weights, kind)
    assert again.SerializeToString(deterministic=True) == digits_network(kind)


@pytest.mark.parametrize("kind", NETWORKS)
def test_converts_as_a_whole(kind):
    calibration, images = (inputs(x, kind) for x in (DATA.train_images[:200], DATA.test_images))
    snn = snncc.convert(digits_network(kind), snncc.Differential(T=3), calibration=calibration)
    assert spike_share(snn) >= NETWORKS[kind][1]
    found = snncc.evaluate(snn, digits_network(kind), images, labels=DATA.test_labels, timed=False)
    assert found.agreement >= 0.995
    assert found.output_error < 0.01
    assert found.drop < 0.5
