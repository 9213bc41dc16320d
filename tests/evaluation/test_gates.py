# SPDX-License-Identifier: Apache-2.0
"""Max pools of one-spike neurons: only a window's maximum passes on and causes synaptic operations."""

from __future__ import annotations

from itertools import product

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from onnx import helper, numpy_helper, parser

import snncc
from snncc.analysis.network_view import Network
from snncc.evaluation.fanout import fanouts

TEXT = """<ir_version: 10, opset_import: ["": 21]>
pooled (float[N,2,7,7] x) => (float[N,5] y)
{
    c = Conv (x, w1)
    r = Relu (c)
    p = MaxPool <kernel_shape=[3,3], strides=[2,2]> (r)
    d = Conv (p, w2)
    f = Flatten (d)
    g = Relu (f)
    y = Gemm (g, w3)
}"""
WEIGHTS = {"w1": (3, 2, 3, 3), "w2": (4, 3, 2, 2), "w3": (4, 5)}


@pytest.fixture(scope="module")
def ann() -> onnx.ModelProto:
    rng = np.random.default_rng(0)
    model = parser.parse_model(TEXT)
    for name, shape in WEIGHTS.items():
        model.graph.initializer.append(numpy_helper.from_array(rng.normal(0, 0.5, shape).astype(np.float32), name))
    return model


@pytest.fixture(scope="module")
def images() -> np.ndarray:
    return np.random.default_rng(1).normal(size=(6, 2, 7, 7)).astype(np.float32)


def spikes_of(model: onnx.ModelProto, tensor: str, images: np.ndarray) -> np.ndarray:
    shown = onnx.ModelProto()
    shown.CopyFrom(model)
    shown.graph.output.append(helper.make_tensor_value_info(tensor, 1, None))
    return ort.InferenceSession(shown.SerializeToString()).run([tensor], {"x": images})[0] != 0


def test_losers_cost_nothing_and_winners_their_fan_out(ann: onnx.ModelProto, images: np.ndarray) -> None:
    snn = snncc.convert(ann, snncc.Phase(T=8, Q=1.5, input="analog"), calibration=images)
    first, second = (n.output[0] for n in snn.graph.node if n.domain == "ai.snncc")
    fired, last = spikes_of(snn, first, images), spikes_of(snn, second, images)
    operations = 0
    for image, channel, row, column in product(range(6), range(3), range(2), range(2)):  # each window of the pool
        if fired[image, channel, 2 * row : 2 * row + 3, 2 * column : 2 * column + 3].any():
            operations += 4  # the 2x2 kernels of the four channels, at the one place where they fit
    operations += 5 * last.sum()
    found = snncc.evaluate(snn, ann, images, labels=np.zeros(6, np.int64))
    assert found.energy.synaptic_operations * 6 == pytest.approx(operations, rel=1e-12)


def test_a_pool_of_several_spikes_is_no_gate(ann: onnx.ModelProto, images: np.ndarray) -> None:
    one = Network(snncc.convert(ann, snncc.Phase(T=8, Q=1.5), calibration=images))
    two = Network(snncc.convert(ann, snncc.Phase(T=8, Q=2.0, spikes=2), calibration=images))
    assert [n.op_type for n in one.spike_gating_pools] == ["MaxPool"]
    assert two.spike_gating_pools == []
    neuron = next(n.output[0] for n in one.neurons if n not in one.encoders)
    assert not fanouts(one)[neuron].any()
    assert fanouts(two)[next(n.output[0] for n in two.neurons if n not in two.encoders)].any()
