# SPDX-License-Identifier: Apache-2.0
"""Outputs concatenated from parts, some after a Sigmoid or Softmax, as in detectors: each part is read separately."""

from __future__ import annotations

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from onnx import numpy_helper

import snncc

HEADS = "c = MatMul (x, W) r = Relu (c) a = MatMul (r, V) b = MatMul (r, U) s = Sigmoid (a)"
PARTS = {
    "the potential behind": "y = Concat <axis = -1> (s, b)",
    "the potential in front": "y = Concat <axis = -1> (b, s)",
    "neurons": "t = Relu (b) y = Concat <axis = -1> (s, t)",
    "another end": "t = Softmax (b) y = Concat <axis = -1> (s, t)",
    "the input": "y = Concat <axis = -1> (s, x)",
    "within another": "z = Concat <axis = -1> (b, s) y = Concat <axis = -1> (z, a, z)",
    "a constant": "y = Concat <axis = -1> (s, b, k)",
}
CODINGS = [snncc.FS(K=16), snncc.Phase(T=48, Q=1.12), snncc.Phase(T=48, Q=1.12, wait=40), snncc.Rate(T=256)]


def network(parts: str) -> onnx.ModelProto:
    rows = "8" if "k)" in parts else "N"  # a constant has a row for each sample
    body = f"g (float[{rows}, 4] x) => (float[{rows}, C] y) {{ {HEADS} {parts} }}"
    model = onnx.parser.parse_model(f'<ir_version: 10, opset_import: ["": 21]> {body}')
    rng = np.random.default_rng(0)
    for name, shape in {"W": (4, 5), "V": (5, 3), "U": (5, 3), "k": (8, 2)}.items():
        model.graph.initializer.append(numpy_helper.from_array(rng.normal(0, 0.5, shape).astype(np.float32), name))
    return model


def run(model: onnx.ModelProto, x: np.ndarray) -> np.ndarray:
    return ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"]).run(None, {"x": x})[0]


@pytest.fixture(scope="module")
def x() -> np.ndarray:
    return np.random.default_rng(1).normal(0, 1, (8, 4)).astype(np.float32)


@pytest.mark.parametrize("parts", PARTS.values(), ids=PARTS)
@pytest.mark.parametrize("coding", CODINGS, ids=str)
def test_each_part_is_read_for_itself(x, coding, parts) -> None:
    model = network(parts)
    want, found = (run(m, x) for m in (model, snncc.convert(model, coding, calibration=x)))
    assert np.linalg.norm(found - want) <= 0.05 * np.linalg.norm(want)


@pytest.mark.parametrize("parts", ["the potential behind", "the input"])
@pytest.mark.parametrize("how", [{"form": "loop"}, {"form": "step"}, {"anytime": True}], ids=str)
def test_in_every_form(x, how, parts) -> None:
    model = network(PARTS[parts])
    snn = snncc.convert(model, snncc.Rate(T=64), calibration=x, **how)
    folded = run(snncc.convert(model, snncc.Rate(T=64), calibration=x), x)
    if "step" in how.values():
        assert onnx.checker.check_model(snn, full_check=True) is None
    else:
        found = run(snn, x)
        np.testing.assert_allclose(found[-1] if "anytime" in how else found, folded, rtol=1e-4, atol=1e-5)
