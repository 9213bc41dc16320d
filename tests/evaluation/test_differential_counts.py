# SPDX-License-Identifier: Apache-2.0
"""Spikes, operations and bits of differential coding, against counts one by one."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper, parser

import snncc
from snncc.runtime import create_session

# a 3x3 convolution without borders of 2 channels, max pooling, a matrix product
TEXT = """<ir_version: 10, opset_import: ["": 21]> g (float[N, 1, 6, 6] x) => (float[N, 3] y) {
    c = Conv (x, W, b) a = Relu (c) d = Conv (a, V) e = Relu (d)
    m = MaxPool <kernel_shape = [2, 2], strides = [1, 1]> (e) f = Flatten (m) y = MatMul (f, U) }"""
SIZES = {"W": (2, 1, 3, 3), "b": (2,), "V": (2, 2, 1, 1), "U": (18, 3)}
STEPS, SAMPLES = 3, 4


@pytest.fixture(scope="module")
def network():
    rng = np.random.default_rng(2)
    model = parser.parse_model(TEXT)
    for name, shape in SIZES.items():
        model.graph.initializer.append(numpy_helper.from_array(rng.normal(0.1, 0.5, shape).astype(np.float32), name))
    return model, rng.normal(0, 1, (SAMPLES, 1, 6, 6)).astype(np.float32)


def outputs(model, x, names):
    probed = onnx.ModelProto()
    probed.CopyFrom(model)
    del probed.graph.output[:]
    probed.graph.output.extend(helper.make_tensor_value_info(n, 1, None) for n in names)
    return create_session(probed, device="cpu").run(names, {"x": x})


@pytest.mark.parametrize(("levels", "accumulators"), [("powers", 0), ("fitted", 5)])
def test_counts(network, levels, accumulators):
    ann, x = network
    model = snncc.convert(ann, snncc.Differential(T=STEPS, n=5), calibration=x, levels=levels)
    names = [n.output[0] for n in model.graph.node if n.op_type in ("DifferentialNeuron", "MaxPool")]
    first, second, pooled = (v.reshape(STEPS, SAMPLES, *v.shape[1:]) for v in outputs(model, x, names))
    changes = [(np.diff(v, axis=0, prepend=np.zeros_like(v[:1])) != 0).sum() / SAMPLES for v in (first, second, pooled)]
    found = snncc.evaluate(model, ann, x).to_json()
    assert found["spikes"]["per_neuron"] == pytest.approx((changes[0] + changes[1]) / (2 * 32))
    assert found["spikes"]["bits_per_spike"] == 4
    operations = found["operations"]
    assert operations["snn_macs"] == 2 * 9 * 16
    assert operations["snn_current"] == 2 * 16  # in the first step only
    assert operations["snn_synaptic"] == pytest.approx(2 * changes[0] + 3 * changes[2])
    assert operations["snn_levels"] == accumulators * STEPS * (2 * 16 + 3)
    spent = 4.6 * (operations["snn_macs"] + operations["snn_levels"])
    spent += 0.9 * (operations["snn_synaptic"] + operations["snn_current"])
    assert found["energy"]["float32"]["snn_nj"] == pytest.approx(spent / 1e3)
