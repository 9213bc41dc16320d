# SPDX-License-Identifier: Apache-2.0
"""Conversion summary: which op became which neuron, what was folded, what stays analog."""

from __future__ import annotations

import json

import numpy as np
import pytest
from onnx import numpy_helper, parser

import snncc

NETWORK = """<ir_version: 10, opset_import: ["": 21]>
    net (float[N,3,5,5] x) => (float[N,2] y) <float zero = {0.0}, float six = {6.0}> {
        c = Conv <pads = [1,1,1,1]> (x, w) r = Clip (c, zero, six) s = Add (r, c) [leaky] l = LeakyRelu (s)
        b = Sigmoid (l) m = Mul (l, b) n = BatchNormalization (m, g, g, g, g) e = Conv (n, w) q = Max (e, zero)
        f = Flatten (q) y = MatMul (f, v) }"""


@pytest.fixture(scope="module")
def model():
    made = parser.parse_model(NETWORK)
    rng = np.random.default_rng(0)
    for name, shape in {"w": (3, 3, 3, 3), "g": (3,), "v": (27, 2)}.items():
        value = np.abs(rng.normal(0.5, 0.3, shape)).astype(np.float32)
        made.graph.initializer.append(numpy_helper.from_array(value, name))
    return made


def test_every_part_is_named(model):
    x = np.random.default_rng(1).normal(size=(8, 3, 5, 5)).astype(np.float32)
    snn = snncc.convert(model, snncc.Rate(T=4, signed=False), calibration=x)
    found = json.loads(next(p.value for p in snn.metadata_props if p.key == "snncc.outcome"))
    neurons = {(n["from"], n["to"]): n["layers"] for n in found["neurons"]}
    assert neurons == {("Clip", "IFNeuron"): 1, ("LeakyRelu", "IFNeuron"): 2, ("Max", "IFNeuron"): 1}
    assert found["synapses"] == {"Conv": 2, "MatMul": 1}
    assert found["batchnorm"] == {"folded": 1, "into": "weights", "left": []}
    assert found["islands"] == {"Mul": 1, "Sigmoid": 1}
    scales = found["scales"]
    assert scales["inserted"] == 8
    assert scales["absorbed"] + len(scales["left"]) >= 8
    assert set(scales["left"]) <= {n.name for n in snn.graph.node if n.op_type == "Mul"}
