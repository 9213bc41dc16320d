# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from onnx import numpy_helper

from snncc.models import digits_network
from snncc.models.digits import load_digits
from snncc.models.digits_cnn import build


def test_split_is_fixed_and_disjoint():
    data = load_digits()
    assert data.train_images.shape == (1297, 1, 8, 8)
    assert data.test_images.shape == (500, 1, 8, 8)
    assert data.test_images.dtype == np.float32
    assert data.test_images.min() == 0
    assert data.test_images.max() == 1
    assert data.test_labels[:8].tolist() == load_digits().test_labels[:8].tolist()


ACTIVATIONS = ("relu", "silu", "gelu")


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_shipped_network_is_small_and_accurate(activation):
    data, model = load_digits(), digits_network(activation)
    session = ort.InferenceSession(model, providers=["CPUExecutionProvider"])
    logits = session.run(["logits"], {"input": data.test_images})[0]
    assert np.mean(logits.argmax(1) == data.test_labels) >= 0.98
    assert len(model) < 200_000


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_shipped_network_is_what_the_script_builds(activation):
    shipped = onnx.load_model_from_string(digits_network(activation))
    weights = {t.name: numpy_helper.to_array(t) for t in shipped.graph.initializer}
    assert build(weights, activation).SerializeToString(deterministic=True) == digits_network(activation)


def test_shipped_network_keeps_batch_normalization():
    ops = [node.op_type for node in onnx.load_model_from_string(digits_network()).graph.node]
    assert ops.count("BatchNormalization") == 4
    assert {"Add", "MaxPool", "GlobalAveragePool", "Gemm"} <= set(ops)


@pytest.mark.parametrize(
    ("activation", "nodes"), [("silu", ["Sigmoid", "Mul"]), ("gelu", ["Div", "Erf", "Add", "Mul"])]
)
def test_other_activations_are_the_nodes_that_torch_exports(activation, nodes):
    ops = [node.op_type for node in onnx.load_model_from_string(digits_network(activation)).graph.node]
    assert "Relu" not in ops
    assert all(ops.count(op) >= 4 for op in nodes)
