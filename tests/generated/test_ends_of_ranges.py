# SPDX-License-Identifier: Apache-2.0
"""One time step, and batches of size 0 and 1, in every coding and form, by function bodies and kernels."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime as ort
import pytest
from onnx import numpy_helper

import snncc
import snncc.runtime
from snncc.coding import Coding
from snncc.ir.metadata import metadata_of
from tests.generated.harness import model_of

CODINGS = [
    snncc.FS(K=1),
    snncc.FS(K=4, input="binary"),
    snncc.Phase(T=1, Q=1.5),
    snncc.Phase(T=6, Q=1.5, spikes=2),
    snncc.Phase(T=6, Q=1.5, wait=3),
    snncc.Phase(T=3, Q=1.5, wait=1, input="one"),
    snncc.Rate(T=1),
    snncc.Rate(T=1, shift="bias", signed=True),
    snncc.Rate(T=1, wait=1),
    snncc.Rate(T=5),
    snncc.Rate(T=4, wait=4),
    snncc.MSAT(T=1),
    snncc.MSAT(T=1, confidence=0.5),
    snncc.MSAT(T=5, confidence=0.5, early=3, confidence_layers="all"),
]
BODY = """c = Conv <pads = [1, 1, 1, 1]> (x, W) a = Relu (c) p = MaxPool <kernel_shape = [2, 2], strides = [2, 2]> (a)
    n = LRN <size = 3> (p) f = Flatten (n) g = Gemm (f, V) y = Relu (g) o = MatMul (y, U) s = Softmax (o)"""
WEIGHTS = {"W": (2, 1, 3, 3), "V": (8, 5), "U": (5, 3)}
Array = npt.NDArray[Any]


def _network() -> tuple[onnx.ModelProto, Array]:
    rng = np.random.default_rng(16)
    names = ", ".join(f"float[{', '.join(map(str, shape))}] {name}" for name, shape in WEIGHTS.items())
    model = model_of(BODY, f"float[N, 1, 4, 4] x, {names}", "float[N, 3] s")
    del model.graph.input[1:]
    for name, shape in WEIGHTS.items():
        weights = rng.normal(0.1, 0.4, shape).astype(np.float32)
        model.graph.initializer.append(numpy_helper.from_array(weights, name))
    return model, rng.random((16, 1, 4, 4), np.float32)


def _run(snn: onnx.ModelProto, session: ort.InferenceSession, x: Array) -> Array:
    """The output of the whole run, step by step where the network is one of single steps."""
    form = metadata_of(snn)["snncc.form"]
    states = form.get("states", [])
    now = {s["input"]: np.full(_sizes(s["shape"], len(x)), s["initial"], s["dtype"]) for s in states}
    outputs: list[Array] = []
    for _ in range(form["steps"] if states else 1):
        outputs = session.run([snn.graph.output[0].name, *(s["output"] for s in states)], {"x": x, **now})
        now = {s["input"]: value for s, value in zip(states, outputs[1:], strict=True)}
    return outputs[0]


def _sizes(shape: list[int | str | None], samples: int) -> list[int]:
    return [d if isinstance(d, int) else samples for d in shape]


@pytest.mark.parametrize("coding", CODINGS, ids=lambda coding: repr(coding).split(", preset")[0])
def test_one_step_and_empty_batches(coding: Coding) -> None:
    model, x = _network()
    expected: Array | None = None
    for form in ("folded", "loop", "step"):
        snn = snncc.convert(model, coding, calibration=x, form=form)
        assert metadata_of(snn)["snncc.form"]["steps"] >= 1
        plain = ort.InferenceSession(snn.SerializeToString(), providers=["CPUExecutionProvider"])
        for session in (plain, snncc.runtime.create_session(snn, device="cpu")):
            for samples in (3, 1, 0):
                found = _run(snn, session, x[:samples])
                expected = found if expected is None else expected
                assert found.shape == (samples, 3)
                np.testing.assert_allclose(found, expected[:samples], rtol=0, atol=1e-5)
