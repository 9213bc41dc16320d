# SPDX-License-Identifier: Apache-2.0
"""Compare the conversion of a drawn network with the network: shapes, types, values, in both runtimes.

A kind of fault has a module here that draws networks of that kind, `draw(rng) -> Case`, and a test module that converts
`FEW` of them in the default suite and `MANY` with `pytest -m slow`; after a change of the compiler,
`SNNCC_THOROUGH=1 pytest -m slow tests/generated` draws 300 of each.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import KW_ONLY, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime as ort
from onnx import parser

import snncc
import snncc.runtime
from snncc.coding import Coding
from tests.effort import DRAWN

__all__ = ["CODINGS", "FEW", "MANY", "Case", "check", "model_of", "run_plain"]

Array = npt.NDArray[Any]

FEW, MANY = 12, DRAWN
_FAR = 1e30

# What a coding must reach: the least cosine of outputs and the network's, and the most that norms differ by.
CODINGS: dict[str, tuple[Coding, float, float]] = {
    "fs": (snncc.FS(K=16), 0.9999, 0.01),
    "phase": (snncc.Phase(T=48), 0.995, 0.08),
    "phase, waiting": (snncc.Phase(T=48, Q=1.12, wait=40), 0.99, 0.1),
    "rate": (snncc.Rate(T=64), 0.98, 0.12),
    "rate, waiting": (snncc.Rate(T=64, wait=64), 0.995, 0.08),
    "msat": (snncc.MSAT(T=128), 0.9, 0.5),
    "differential": (snncc.Differential(T=6), 0.9999, 0.01),
}


@dataclass(frozen=True)
class Case:
    """A network, its inputs {name: [N, …]}, and what a failure prints of it; `others` are inputs of other sizes.

    `expected` is what the outputs are to be, where that is not what the network itself gives.
    """

    model: onnx.ModelProto
    feeds: Mapping[str, Array]
    text: str
    _: KW_ONLY
    others: Mapping[str, Array] | None = None
    expected: list[Array] | None = None


def model_of(body: str, inputs: str, outputs: str, opset: int = 21, constants: str = "") -> onnx.ModelProto:
    """A checked network from the textual form of ONNX; `constants` are initializers, `float[2] c = {1, 2}`."""
    head = f'<ir_version: 10, opset_import: ["": {opset}]> g ({inputs}) => ({outputs})'
    model = parser.parse_model(f"{head} {f'<{constants}>' if constants else ''} {{ {body} }}")
    onnx.checker.check_model(model)
    return model


def text_of(model: onnx.ModelProto) -> str:
    """The nodes as text, without the weights; onnx 1.21 prints no single node."""
    return onnx.printer.to_text(onnx.GraphProto(name=model.graph.name, node=model.graph.node))


def run_plain(model: onnx.ModelProto, feeds: Mapping[str, Array]) -> list[Array]:
    """Outputs in onnxruntime without the library of kernels."""
    options = ort.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = 1
    session = ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return session.run(None, dict(feeds))


def check(case: Case, coding: str, convert: Callable[..., onnx.ModelProto] = snncc.convert, **options: Any) -> None:
    """Fail unless the conversion of `case` has the network's outputs, without kernels and with them."""
    chosen, cosine, norm = CODINGS[coding]
    snn = convert(case.model, chosen, calibration=dict(case.feeds), **options)
    onnx.checker.check_model(snn, full_check=True)
    if case.others is not None:
        wanted, found = (run_plain(model, case.others) for model in (case.model, snn))
        assert [v.shape for v in found] == [v.shape for v in wanted], f"other sizes, {coding}: {case.text}"
    expected = run_plain(case.model, case.feeds) if case.expected is None else case.expected
    plain = run_plain(snn, case.feeds)
    native = snncc.runtime.create_session(snn, device="cpu").run(None, dict(case.feeds))
    for output, want, body, kernel in zip(snn.graph.output, expected, plain, native, strict=True):
        where = f"{output.name}, {coding}: {case.text}"
        for found in (body, kernel):
            assert (found.dtype, found.shape) == (want.dtype, want.shape), where
            _follows(want, found, cosine, norm, where)
        declared = [d.dim_value if d.HasField("dim_value") else None for d in output.type.tensor_type.shape.dim]
        assert len(declared) == want.ndim, where
        assert all(d in (None, n) for d, n in zip(declared, want.shape, strict=True)), where


def _follows(want: Array, found: Array, cosine: float, norm: float, where: str) -> None:
    """`found` points where `want` does, and is as long; integers are equal."""
    if want.dtype.kind != "f":
        np.testing.assert_array_equal(found, want, err_msg=where)
        return
    near = (
        np.abs(want.astype(np.float64)) < _FAR
    )  # infinite and masked values must be exact, and are excluded from the error
    np.testing.assert_allclose(found[~near], want[~near], rtol=1e-3, err_msg=where)
    assert np.isfinite(found[near]).all(), where
    a, b = (v[near].astype(np.float64) for v in (want, found))
    length = np.linalg.norm(a)
    if length < 1e-6:
        assert np.abs(b).max(initial=0) < 1e-2, where
        return
    reached = float(a @ b / (length * max(np.linalg.norm(b), 1e-30)))
    assert reached >= cosine, f"cosine {reached:.5f} of {where}"
    assert abs(np.linalg.norm(b) / length - 1) <= norm, f"norm {np.linalg.norm(b):.5g} for {length:.5g} of {where}"
