# SPDX-License-Identifier: Apache-2.0
"""Small valid models of many kinds for `mutations`: networks to convert, and converted ones to read."""

from __future__ import annotations

import functools
import logging
from typing import Any

import numpy as np
import onnx
from onnx import numpy_helper, parser

import snncc

__all__ = ["CONVERTED", "NETWORKS", "converted", "network"]

_IMAGE = "net (float[N,3,6,6] x) => (float[N,M] y)"
_ROW = "net (float[N,4] x) => (float[N,M] y)"
_BN = {name: np.full(4, 0.5 + i, np.float32) for i, name in enumerate(("g", "h", "m", "v"))}
_W: dict[str, Any] = {"w": (4, 3, 3, 3), "k": (4, 4, 1, 1), "wide": (32, 3), "a": (4, 5), "b": (5, 3), "slope": (4, 1)}

_BODIES = {
    "mlp": f"{_ROW} {{ h = MatMul (x, a) r = Relu (h) y = MatMul (r, b) }}",
    "gemm": f"{_ROW} {{ h = Gemm <alpha=0.5> (x, a) r = Clip (h, zero, six) y = Gemm <transB=0> (r, b) }}",
    "residual": f"""{_IMAGE} {{ c = Conv <strides=[2,2],pads=[1,1,0,0]> (x, w) n = BatchNormalization (c, g, h, m, v)
        r = Relu (n) d = Conv (r, k) s = Add (d, r) t = Relu (s) p = AveragePool <kernel_shape=[2,2]> (t)
        f = Flatten (p) q = Concat <axis=1> (f, f) y = MatMul (q, wide) }}""",
    "moves": f"""{_IMAGE} {{ c = Conv <auto_pad="SAME_UPPER"> (x, w) u, o = Split <axis=1> (c, parts) r = Relu (u)
        s = Slice (r, zeros, ends, axes) e = Resize <mode="nearest"> (s, , scales) l = LeakyRelu <alpha=0.1> (o)
        t = Transpose <perm=[0,2,3,1]> (l) f = Flatten (t) i = Flatten (e) j = Concat <axis=1> (f, i)
        k0 = Gather <axis=1> (j, index) z = Pad (k0, pads) y = Softmax (z) }}""",
    "shapes": f"""{_IMAGE} {{ n = Shape <start=0,end=1> (x) z = Concat <axis=0> (n, minus)
        f = Reshape (x, z) r = Relu (f) e = ReduceMean <keepdims=0> (r, one) y = Unsqueeze (e, one) }}""",
    "curves": f"""{_IMAGE} {{ c = Conv (x, w) s = Sigmoid (c) t = Mul (c, s) e = Einsum <equation="nchw,c->nch"> (t, g)
        a0 = Abs (e) m0 = Max (a0, e) p = PRelu (m0, slope) q = GlobalMaxPool (p) y = Flatten (q) }}""",
    "quantised": f"""{_ROW} {{ q = QuantizeLinear (x, scale, point) d = DequantizeLinear (q, scale, point)
        i = DequantizeLinear (codes, scale, point) h = MatMul (d, i) r = Relu (h) y = MatMul (r, b) }}""",
    "flow": f"""{_ROW} {{ h = MatMul (x, a) s = ReduceMax <keepdims=0> (h) o = Greater (s, zero)
        r = If (o) <then_branch = t () => (float[N,5] p) {{ p = Relu (h) }},
                    else_branch = e () => (float[N,5] q) {{ q = Identity (h) }}>
        n = Constant <value = int64 {{2}}> ()
        l = Loop (n, , r) <body = b (int64 i, bool c, float[N,5] u) => (bool d, float[N,5] w0) {{
            d = Identity (c) w0 = Relu (u) }}> f = Relu (l) y = MatMul (f, b) }}""",
    "function": f"""{_ROW} {{ h = own.Dense <size=2> (x, a) r = own.Act (h) y = MatMul (r, b) }}
        <domain: "own", opset_import: ["": 21]> Dense <size> (x, w) => (y) {{ y = MatMul (x, w) }}
        <domain: "own", opset_import: ["": 21, "own": 1]> Act (x) => (y) {{ z = Relu (x) y = Identity (z) }}""",
    "made": f"""{_ROW} {{ o = ConstantOfShape <value = float[1] {{0.5}}> (size) h = MatMul (x, o) r = Relu (h)
        e = Expand (zero, size) u = Range (first, ten, first) y = MatMul (r, e) }}""",
}
_CONSTANTS = {
    "zero": np.float32(0), "six": np.float32(6), "parts": [2, 2], "zeros": [0, 1], "ends": [3, 5], "axes": [2, 3],
    "scales": np.float32([1, 1, 2, 2]), "index": [0, 5, 2], "pads": [0, 1, 0, 2], "minus": [-1], "one": [1],
    "scale": np.float32(0.1), "point": np.uint8(128), "codes": np.arange(20, dtype=np.uint8).reshape(4, 5),
    "size": [4, 4], "first": np.int64(1), "ten": np.int64(10),
}  # fmt: skip

NETWORKS = tuple(_BODIES)
CONVERTED: dict[str, tuple[str, snncc.coding.Coding, dict[str, Any]]] = {
    "phase": ("residual", snncc.Phase(T=4, Q=1.5), {}),
    "waiting": ("residual", snncc.Phase(T=4, Q=1.5, wait=3), {"fold_bn": "threshold"}),
    "fs": ("curves", snncc.FS(K=8), {}),
    "loop": ("residual", snncc.Rate(T=4, signed=True), {"form": "loop"}),
    "step": ("mlp", snncc.Rate(T=4), {"form": "step"}),
    "msat": ("residual", snncc.MSAT(T=4), {"weights": "int8"}),
}


@functools.cache
def network(name: str) -> onnx.ModelProto:
    """A network to convert; callers must not change it."""
    own = ', "own": 1' if "own." in _BODIES[name] else ""
    model = parser.parse_model(f'<ir_version: 10, opset_import: ["": 21{own}]>\n{_BODIES[name]}')
    used = {x for node in model.graph.node for x in node.input}
    rng = np.random.default_rng(0)
    constants = {key: rng.normal(0, 0.5, shape).astype(np.float32) for key, shape in _W.items()} | _BN
    for key, value in (constants | _CONSTANTS).items():
        if key in used and not any(key in node.output for node in model.graph.node):
            model.graph.initializer.append(numpy_helper.from_array(np.asarray(value), key))
    return model


@functools.cache
def converted(name: str) -> onnx.ModelProto:
    """A converted network."""
    logging.disable(logging.WARNING)
    source, coding, options = CONVERTED[name]
    return snncc.convert(network(source), coding, **options)
