# SPDX-License-Identifier: Apache-2.0
"""Squeeze without axes must not drop the batch axis of a single sample."""

from __future__ import annotations

import numpy as np
import onnx
import onnxruntime as ort
import pytest

import snncc

CODINGS = [snncc.FS(K=16), snncc.Phase(T=48, Q=1.12), snncc.Phase(T=48, Q=1.12, wait=40), snncc.Rate(T=64)]
AT_THE_END = "c = MatMul (x, W) r = Relu (c) d = MatMul (r, V) s = Squeeze (d) g = Sigmoid (s) y = Mul (g, four)"
WITHIN = "c = MatMul (x, W) u = Unsqueeze (c, two) s = Squeeze (u) r = Relu (s) y = MatMul (r, V)"
OF_NOTHING_ELSE = "c = MatMul (x, W) s = Squeeze (c) r = Relu (s) y = MatMul (r, V)"
WEIGHTS = {"W": (4, 5), "four": np.float32(4), "two": np.array([2])}


def run(model: onnx.ModelProto, x: np.ndarray) -> np.ndarray:
    return ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"]).run(None, {"x": x})[0]


@pytest.mark.parametrize("coding", CODINGS, ids=str)
@pytest.mark.parametrize(
    ("body", "declared", "last"),
    [(AT_THE_END, "float", 1), (AT_THE_END, "float[N]", 1), (WITHIN, "float[N, 3]", 3), (OF_NOTHING_ELSE, "float", 3)],
)
def test_any_number_of_samples(network, coding, body, declared, last) -> None:
    """The declared output may be what came of one sample, a single number."""
    model = network(f"g (float[N, 4] x) => ({declared} y) {{ {body} }}", V=(5, last), **WEIGHTS)
    x = np.random.default_rng(1).normal(0, 1, (24, 4)).astype(np.float32)
    snn = snncc.convert(model, coding, calibration=x)
    want = run(model, x)
    assert run(snn, x).shape == want.shape
    assert np.linalg.norm(run(snn, x) - want) <= 0.08 * np.linalg.norm(want)
    assert run(snn, x[:1]).shape == (1, *want.shape[1:])
    kernels = snncc.runtime.create_session(snn, device="cpu").run(None, {"x": x[:1]})[0]
    np.testing.assert_allclose(kernels, run(snn, x[:1]), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("anytime", [False, True])
def test_an_output_that_no_input_leads_to(network, anytime) -> None:
    body = "c = MatMul (x, W) r = Relu (c) y = MatMul (r, V) e = Exp (four) z = Identity (e)"
    model = network(f"g (float[N, 4] x) => (float[N, 3] y, float z) {{ {body} }}", V=(5, 3), **WEIGHTS)
    for coding in [snncc.Rate(T=64)] if anytime else CODINGS:
        snn = snncc.convert(model, coding, anytime=anytime)
        session = ort.InferenceSession(snn.SerializeToString(), providers=["CPUExecutionProvider"])
        assert session.run(["z"], {"x": np.ones((2, 4), np.float32)})[0] == pytest.approx(np.exp(4), rel=1e-5)
