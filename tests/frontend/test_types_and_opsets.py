# SPDX-License-Identifier: Apache-2.0
"""Floating-point types, opsets, layouts and batches: the outputs have the type and shape of the source's."""

from __future__ import annotations

import numpy as np
import onnx
import pytest

import snncc
import snncc.runtime

NET = """c = Conv <pads = [1,1,1,1]> ({x}, w) r = Relu (c) k = BatchNormalization (r, g, b, mu, g) d = Conv (k, v)
    s = Relu (d) p = GlobalAveragePool (s) f = Flatten (p) {y} = Gemm (f, u, e)"""
CODINGS = [snncc.FS(K=16), snncc.Rate(T=32), snncc.Phase(T=16, Q=1.3), snncc.Phase(T=16, Q=1.3, wait=12)]
RNG = np.random.default_rng(0)
SHAPES = {"w": (4, 3, 3, 3), "v": (5, 4, 3, 3), "u": (5, 3), "e": (3,), "b": (4,), "mu": (4,)}
WEIGHTS = {k: RNG.normal(0, 0.4, s) for k, s in SHAPES.items()} | {"g": np.ones(4)}
X = RNG.normal(size=(24, 3, 8, 8)).astype(np.float32)


def weights(kind: type = np.float32, of: str = "wvuebg") -> dict[str, np.ndarray]:
    names = [*of, "mu"] if "g" in of else of
    return {k: WEIGHTS[k].astype(kind) for k in names}


def follows(
    model: onnx.ModelProto,
    x: np.ndarray,
    coding: snncc.coding.Coding,
    least: float = 0.999,
    source: onnx.ModelProto | None = None,
) -> None:
    """The SNN of `source`, by default of `model`, gives what `model` gives."""
    snn = snncc.convert(source or model, coding, calibration=x, match=False)
    name = model.graph.input[0].name
    (a,), (b,) = (snncc.runtime.create_session(m, device="cpu").run(None, {name: x}) for m in (model, snn))
    assert (a.shape, a.dtype) == (b.shape, b.dtype)
    a, b = (v.astype(np.float64).ravel() for v in (a, b))
    assert a @ b >= least * np.linalg.norm(a) * np.linalg.norm(b)


@pytest.mark.parametrize("coding", CODINGS, ids=lambda c: f"{c.name} {c.slices}")
@pytest.mark.parametrize("inner", ["half", "half inside", "half in the middle", "half at the end"])
def test_half_precision(network, inner, coding) -> None:
    half, plain = NET.format(x="h", y="z"), NET.format(x="x", y="y")
    bodies = {
        "half": ("float16", "float16", plain, np.float16),
        "half inside": ("float", "float", f"h = Cast <to=10> (x) {half} y = Cast <to=1> (z)", np.float16),
        "half in the middle": (
            "float",
            "float",
            plain.replace("r = Relu (c)", "h = Cast <to=10> (c) q = Relu (h) r = CastLike (q, e)"),
            np.float32,
        ),
        "half at the end": ("float", "float16", f"{NET.format(x='x', y='z')} y = Cast <to=10> (z)", np.float32),
    }
    before, after, body, kind = bodies[inner]
    model = network(f"g ({before}[N,3,8,8] x) => ({after}[N,3] y) {{ {body} }}", **weights(kind))
    follows(model, X.astype(np.float16) if before == "float16" else X, coding)


@pytest.mark.parametrize("coding", CODINGS, ids=lambda c: f"{c.name} {c.slices}")
def test_double_precision(network, coding) -> None:
    body = "g (double[N,6] x) => (double[N,3] y) { c = MatMul (x, W) r = Relu (c) y = MatMul (r, V) }"
    given = {"W": RNG.normal(size=(6, 9)), "V": RNG.normal(size=(9, 3))}
    follows(network(body, **given), RNG.normal(size=(24, 6)), coding, 0.99)


@pytest.mark.parametrize("opset", [7, 8, 9, 11, 13, 15, 18, 20, onnx.defs.onnx_opset_version()])
def test_opsets(network, opset) -> None:
    """The newest one that onnx knows may be too new for onnxruntime."""
    text = f"g (float[N,3,8,8] x) => (float[N,3] y) {{ {NET.format(x='x', y='y')} }}"
    model = network(text, opset=opset, **weights())
    model.ir_version = 10 if opset > 8 else 4
    follows(network(text, **weights()), X, CODINGS[0], source=model)


@pytest.mark.parametrize(
    ("opset", "op"),
    [
        (7, 'q = Upsample <mode = "nearest", scales = [1.0,1.0,2.0,3.0]> (r)'),
        (9, 'q = Upsample <mode = "nearest"> (r, scales)'),
        (9, 'q = Upsample <mode = "linear"> (r, scales)'),
        (10, 'q = Resize <mode = "linear"> (r, scales)'),
        (10, 'q = Resize <mode = "nearest"> (r, scales)'),
        (9, "a = Slice <axes = [3], starts = [1], ends = [8]> (r) q = Pad <pads = [0,0,1,0,0,0,0,0]> (a)"),
        (10, "q = Clip <min = 0.0, max = 0.5> (r)"),
        (11, "a, b = Split <axis = 1> (r) q = Concat <axis = 1> (b, a)"),
        (12, "a = Unsqueeze <axes = [1]> (r) b = ReduceSum <axes = [3]> (a) q = Squeeze <axes = [1]> (b)"),
        (8, "q = Sum (r, r)"),
    ],
)
def test_old_spellings(network, opset, op) -> None:
    text = f"g (float[N,3,8,8] x) => (y) {{ c = Conv <pads = [1,1,1,1]> (x, w) r = Relu (c) {op} y = Identity (q) }}"
    given = {**weights(of="w"), "scales": np.array([1, 1, 2, 3], np.float32)} if "scales)" in op else weights(of="w")
    model = network(text, opset=opset, ir=4, **given)
    model.graph.output[0].type.tensor_type.elem_type = onnx.TensorProto.FLOAT
    follows(model, X, CODINGS[0], 0.9999)


@pytest.mark.parametrize("coding", CODINGS, ids=lambda c: f"{c.name} {c.slices}")
def test_channels_last(network, coding) -> None:
    body = """x = Transpose <perm = [0,3,1,2]> (i) c = Conv <pads = [1,1,1,1]> (x, w)
        t = Transpose <perm = [0,2,3,1]> (c) a = Add (t, b) r = Relu (a) n = Transpose <perm = [0,3,1,2]> (r)
        d = Conv (n, v) s = Relu (d) l = Transpose <perm = [0,2,3,1]> (s)
        p = ReduceMean <keepdims = 0> (l, axes) y = MatMul (p, u)"""
    given = {**weights(of="wvub"), "axes": np.array([1, 2])}
    model = network(f"g (float[N,8,8,3] i) => (float[N,3] y) {{ {body} }}", **given)
    follows(model, np.ascontiguousarray(X.transpose(0, 2, 3, 1)), coding)


@pytest.mark.parametrize("coding", CODINGS, ids=lambda c: f"{c.name} {c.slices}")
@pytest.mark.parametrize("size", [1, 4])
def test_fixed_batches(network, size, coding) -> None:
    body = NET.format(x="x", y="y").replace("f = Flatten (p)", "f = Reshape (p, shape)")
    given = {**weights(), "shape": np.array([size, 5])}
    model = network(f"g (float[{size},3,8,8] x) => (float[{size},3] y) {{ {body} }}", **given)
    follows(model, X[:size], coding)
