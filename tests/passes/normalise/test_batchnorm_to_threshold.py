# SPDX-License-Identifier: Apache-2.0
"""Tests of free-weights."""

from __future__ import annotations

import numpy as np
import pytest
from onnx import numpy_helper, parser

from snncc.passes.normalise.batchnorm_to_threshold import BatchNormToThreshold
from tests.passes.normalise.threshold_networks import put, values

BN = {"g": (4,), "b": (4,), "m": (4,), "var": (4,)}


LAYERS = {
    "conv": ("Conv <pads=[1,1,1,1]> (x, w)", {"w": (4, 3, 3, 3)}, "N,3,5,6", "N,4,H,W"),
    "biased": ("Conv <group=2> (x, w, c)", {"w": (4, 1, 3, 3), "c": (4,)}, "N,2,5,6", "N,4,H,W"),
    "transposed": ("ConvTranspose (x, w, c)", {"w": (3, 4, 3, 3), "c": (4,)}, "N,3,5,6", "N,4,H,W"),
    "gemm": ("Gemm <transB=1> (x, w, c)", {"w": (4, 3), "c": (4,)}, "N,3", "N,4"),
    "matrix": ("MatMul (x, w)", {"w": (3, 4)}, "N,3", "N,4"),
}


@pytest.mark.parametrize("layer", LAYERS)
def test_weights_stay_and_signs_change(build, apply, ops, layer) -> None:
    text, weights, given, made = LAYERS[layer]
    body = f"h = {text} n = BatchNormalization <epsilon=0.01> (h, g, b, m, var) y = Relu (n)"
    model = build(f"net (float[{given}] x) => (float[{made}] y) {{ {body} }}", weights | BN)
    signs = np.array([1.0, -1.0, 1.0, -1.0])
    put(model, "g", np.abs(values(model)["g"]) * signs)
    count, after = apply(BatchNormToThreshold(), model)
    assert count == 1
    assert "BatchNormalization" not in ops(after)
    node = next(n for n in after.graph.node if n.op_type == text.split()[0])
    axis = {"ConvTranspose": 1, "MatMul": 1}.get(node.op_type, 0)
    old = values(model)["w"]
    turned = signs.reshape([-1 if a == axis else 1 for a in range(old.ndim)]).astype(np.float32)
    np.testing.assert_array_equal(values(after)[node.input[1]], old * turned)


def test_a_factor_of_zero_makes_the_potential_constant(build, apply) -> None:
    body = "h = Conv (x, w) n = BatchNormalization (h, g, b, m, var) y = Relu (n)"
    model = build(f"net (float[N,3,5,6] x) => (float[N,4,H,W] y) {{ {body} }}", {"w": (4, 3, 3, 3)} | BN)
    put(model, "g", np.array([0.5, 0.0, 1e-30, 0.5]))
    _, after = apply(BatchNormToThreshold(), model)
    conv = next(n for n in after.graph.node if n.op_type == "Conv")
    weights, bias = values(after)[conv.input[1]], values(after)[conv.input[2]]
    assert not weights[1:3].any()
    np.testing.assert_array_equal(bias[1:3], values(model)["b"][1:3])


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("h = Conv (x, w) n = BatchNormalization (h, g, b, m, var) z = Conv (x, w) y = Add (n, z)", "no neuron alone"),
        ("h = Conv (x, w) n = BatchNormalization (h, g, b, m, var) r = Relu (n) y = Add (n, r)", "no neuron alone"),
        ("h = Conv (x, w) n = BatchNormalization (h, g, b, m, var) r = Relu (n) y = Add (h, r)", "has other users"),
        ("h = Tanh (x) n = BatchNormalization (h, g, b, m, var) y = Relu (n)", "no synapse in front"),
    ],
)
def test_says_why_not(build, apply, skips, body, reason) -> None:
    model = build(f"net (float[N,4,5,6] x) => (float[N,4,H,W] y) {{ {body} }}", BN | {"w": (4, 4, 3, 3)})
    assert apply(BatchNormToThreshold(), model)[0] == 0
    assert reason in skips()


BN_VALUES = {"g": 0.01, "b": 1e3, "m": 0.0, "var": 1.0}
BODY = "h = Conv (x, w) n = BatchNormalization (h, g, b, m, var) y = Relu (n)"


def test_parameters_must_be_constants(build, apply, skips) -> None:
    body = BODY.replace("(h, g,", "(h, v,").replace("n =", "v = Identity (g) n =")
    model = build(f"net (float[N,3,5,6] x) => (float[N,4,H,W] y) {{ {body} }}", {"w": (4, 3, 3, 3)} | BN)
    assert apply(BatchNormToThreshold(), model)[0] == 0
    assert "its parameters are not constants" in skips()


def test_a_shift_beyond_the_type_stays(apply, skips) -> None:
    text = f"net (float16[N,3,5,6] x) => (float16[N,4,H,W] y) {{ {BODY} }}"
    model = parser.parse_model(f'<ir_version: 10, opset_import: ["": 21]> {text}')
    parameters = {
        "w": np.ones((4, 3, 3, 3)),
        "g": np.full(4, 0.01),
        "b": np.full(4, 1e3),
        "m": np.zeros(4),
        "var": np.ones(4),
    }
    model.graph.initializer.extend(numpy_helper.from_array(v.astype(np.float16), k) for k, v in parameters.items())
    assert apply(BatchNormToThreshold(), model, equivalent=False)[0] == 0
    assert "cannot hold its shift in units of its factor" in skips()
