# SPDX-License-Identifier: Apache-2.0
"""Regression tests for graphs: with a fine code and an analog input, the SNN follows the ReLU network."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from onnx import numpy_helper, parser

import snncc

FINE = snncc.Phase(T=64, Q=1.1, input="analog")
SHAPES = {"w": (4, 3, 3, 3), "w4": (4, 4, 3, 3), "w1": (1, 4, 1, 1), "v": (5, 4, 1, 1), "bias": (4,)}
P = "<pads=[1,1,1,1]>"


def model_of(
    body: str, outputs: str = "float[N,O,H,W] y", inputs: str = "float[N,3,6,6] x", constants: str = "", **more
):
    rng = np.random.default_rng(0)
    text = f'<ir_version: 10, opset_import: ["": 21]>\nnet ({inputs}) => ({outputs}) {constants} {{ {body} }}'
    model = parser.parse_model(text)
    used = {name for node in model.graph.node for name in node.input}
    weights: dict[str, Any] = {k: rng.normal(0, 0.4, v) for k, v in SHAPES.items()} | more
    for name, value in weights.items():
        if name in used:
            model.graph.initializer.append(numpy_helper.from_array(np.asarray(value, np.float32), name))
    onnx.checker.check_model(model)
    return model


def run(model: onnx.ModelProto, feeds: dict[str, np.ndarray]) -> list[np.ndarray]:
    options = ort.SessionOptions()
    options.log_severity_level = 3
    session = ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return session.run(None, feeds)


def images(count: int = 16, size: int = 6) -> np.ndarray:
    return np.random.default_rng(1).normal(size=(count, 3, size, size)).astype(np.float32)


def worst(ann: onnx.ModelProto, snn: onnx.ModelProto, x: np.ndarray) -> float:
    """The largest error of any output, over the largest value of that output."""
    pairs = zip(run(ann, {"x": x}), run(snn, {"x": x}), strict=True)
    return max(float(np.abs(a - b).max() / np.abs(a).max()) for a, b in pairs)


BODIES = {
    "factor 0 before a lone BatchNormalization": (
        f"c = Conv {P} (x, w) r = Relu (c) m = Mul (r, k) b = BatchNormalization (m, g, beta, mu, var) s = Relu (b) "
        "y = Conv (s, v)",
        {
            "k": np.array([0, 1, 0, 2.0]).reshape(4, 1, 1),
            "g": np.ones(4),
            "beta": np.full(4, 2.0),
            "mu": np.full(4, 0.3),
            "var": np.ones(4),
        },
    ),
    "summand that broadcasts": (
        f"c = Conv {P} (x, w) r = Relu (c) a = Conv (r, w1) s = Add (a, r) q = Relu (s) y = Conv (q, v)",
        {},
    ),
    "Pad with axes": (
        f"c = Conv {P} (x, w) r = Relu (c) p = Pad (r, widths, zero, axes) y = Conv (p, v)",
        {},
    ),
    "Pad that crops": (f"c = Conv {P} (x, w) r = Relu (c) p = Pad (r, crop) y = Conv (p, v)", {}),
    "ReduceMean over all axes": (
        f"c = Conv {P} (x, w) r = Relu (c) m = ReduceMean (r, none) s = Add (m, r) y = Conv (s, v)",
        {},
    ),
    "potential read twice": (
        f"c = Conv {P} (x, w) r = Relu (c) a = Conv {P} (r, w4) e = Add (a, r) s = Relu (e) d = Conv {P} (s, w4) "
        "f = Add (e, d) t = Relu (f) y = Conv (t, v)",
        {},
    ),
    "transposed channels": (
        f"c = Conv {P} (x, w) t = Transpose <perm=[0,2,3,1]> (c) r = Relu (t) u = Transpose <perm=[0,3,1,2]> (r) "
        "y = Conv (u, v)",
        {},
    ),
}
CONSTANTS = """<int64[4] widths = {1, 0, 0, 1}, float zero = {0.0}, int64[2] axes = {2, 3},
    int64[8] crop = {0, 0, -1, 0, 0, 0, 0, -1}, int64[0] none = {}>"""


@pytest.mark.parametrize("normalize", ["channel", "layer", "none"])
@pytest.mark.parametrize("name", BODIES)
@pytest.mark.parametrize("match", [True, False])
def test_follows_the_relu_network(name: str, normalize: str, match: bool) -> None:
    body, weights = BODIES[name]
    ann, x = model_of(body, constants=CONSTANTS, **weights), images()
    snn = snncc.convert(ann, FINE, calibration=x, scale="max", match=match, normalize=normalize)
    assert worst(ann, snn, x) < 0.1


def test_a_relu6_of_several_spikes_keeps_its_ceiling() -> None:
    constants = "<float low = {0.0}, float high = {0.3}>"
    ann = model_of(f"c = Conv {P} (x, w) r = Clip (c, low, high) y = Conv (r, v)", constants=constants)
    x = images() * 4
    many = snncc.Phase(T=16, Q=2.0, spikes=16, input="analog")
    for normalize in ("channel", "none"):
        snn = snncc.convert(ann, many, calibration=x, scale="max", match=False, normalize=normalize)
        assert worst(ann, snn, x) < 0.01


def test_a_gemm_bias_of_one_value_a_row() -> None:
    text = "f = Flatten (x) h = Gemm (f, m, rows) r = Relu (h) y = Gemm (r, n)"
    rng = np.random.default_rng(5)
    weights = {
        "m": rng.normal(0, 0.2, (12, 4)),
        "rows": np.array([[0.1], [1], [-1], [2]]),
        "n": rng.normal(size=(4, 3)),
    }
    ann = model_of(text, outputs="float[4,3] y", inputs="float[4,3,2,2] x", **weights)
    x = np.random.default_rng(2).normal(size=(4, 3, 2, 2)).astype(np.float32)
    snn = snncc.convert(ann, FINE, calibration=x, scale="max", match=False)
    assert worst(ann, snn, x) < 0.1


def test_outputs_that_are_no_potentials_are_left_alone() -> None:
    """Probabilities still sum to 1, a ReLU's output is not negative, and an index stays an index."""
    body = f"""c = Conv {P} (x, w) r = Relu (c) p, i = MaxPool <kernel_shape=[6,6]> (r) f = Flatten (p)
        q = Softmax (f) y = Identity (q)"""
    ann = model_of(body, outputs="float[N,4] y, float[N,4,6,6] r, int64[N,4,1,1] i")
    x = images()
    snn = snncc.convert(ann, snncc.Phase(T=8, Q=1.5), calibration=x)
    probabilities, rectified, index = run(snn, {"x": x})
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-6)
    assert rectified.min() >= 0
    assert index.dtype == np.int64


def test_an_input_that_is_an_output_stays_itself() -> None:
    ann = model_of(f"c = Conv {P} (x, w) r = Relu (c) y = Conv (r, v)", outputs="float[N,5,6,6] y, float[N,3,6,6] x")
    x = images()
    snn = snncc.convert(ann, snncc.Phase(T=8, Q=1.5), calibration=x)
    np.testing.assert_array_equal(run(snn, {"x": x})[1], x)
