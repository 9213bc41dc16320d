# SPDX-License-Identifier: Apache-2.0
"""Differential coding of any activation, of products of activations, and of what norms and softmax compute."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from onnx import numpy_helper, parser
from onnx.reference import ReferenceEvaluator

import snncc
from snncc.evaluation.spike_share import spike_share
from snncc.ir.metadata import metadata_of
from snncc.runtime import create_session
from snncc.tools.check.run import run_checks

T = 4
ERROR = 2e-3  # of the outputs after T steps, relative to the network's

# By name: y = f(a), some as exporters write them.
ACTIVATIONS = {
    "relu": "{y} = Relu ({a})",
    "gelu": "{y} = Gelu ({a})",
    "gelu-tanh": '{y} = Gelu <approximate = "tanh"> ({a})',
    "silu": "{y}s = Sigmoid ({a}) {y} = Mul ({a}, {y}s)",
    "hardswish": "{y} = HardSwish ({a})",
    "hardswish-product": "{y}s = HardSigmoid <alpha = 0.16666667, beta = 0.5> ({a}) {y} = Mul ({a}, {y}s)",
    "sigmoid": "{y} = Sigmoid ({a})",
    "hardsigmoid": "{y} = HardSigmoid ({a})",
    "tanh": "{y} = Tanh ({a})",
    "elu": "{y} = Elu ({a})",
    "selu": "{y} = Selu ({a})",
    "celu": "{y} = Celu ({a})",
    "mish": "{y} = Mish ({a})",
    "softplus": "{y} = Softplus ({a})",
    "softsign": "{y} = Softsign ({a})",
    "erf": "{y} = Erf ({a})",
    "sine": "{y} = Sin ({a})",
    "leaky": "{y} = LeakyRelu <alpha = 0.2> ({a})",
    "clip": "{y} = Clip ({a}, low, high)",
    "identity": "{y} = Identity ({a})",
    "square": "{y} = Mul ({a}, {a})",
    "softmax": "{y} = Softmax <axis = 1> ({a})",
}
CONVOLVED = """a = Conv <pads = [1,1,1,1]> (x, W) {first} c = Conv (b, V) {second}
    e = Conv <pads = [1,1,1,1], group = 2> (d, D) p = GlobalAveragePool (e) q = Flatten (p) y = Gemm (q, G)"""
SIZES = {"W": (6, 2, 3, 3), "V": (8, 6, 1, 1), "D": (8, 4, 3, 3), "G": (8, 5)}

# Products of two activations, in 2-D, 3-D and 4-D, and layout ops between value and product.
PRODUCTS = {
    "self-attention": """a = MatMul (x, A) s = Transpose <perm = [0,2,1]> (a) b = MatMul (x, B)
        m = MatMul (b, s) p = Softmax <axis = -1> (m) c = MatMul (x, C) o = MatMul (p, c) y = MatMul (o, O)""",
    "heads": """a = MatMul (x, A) q = Reshape (a, heads) q1 = Transpose <perm = [0,2,1,3]> (q)
        b = MatMul (x, B) k = Reshape (b, heads) k1 = Transpose <perm = [0,2,3,1]> (k)
        c = MatMul (x, C) v = Reshape (c, heads) v1 = Transpose <perm = [0,2,1,3]> (v)
        m = MatMul (q1, k1) p = Softmax <axis = -1> (m) o = MatMul (p, v1)
        o1 = Transpose <perm = [0,2,1,3]> (o) o2 = Reshape (o1, tokens) y = MatMul (o2, O)""",
    "one projection, split": """h = MatMul (x, H) q, k, v = Split <axis = -1, num_outputs = 3> (h)
        k1 = Transpose <perm = [0,2,1]> (k) m = MatMul (q, k1) p = Softmax <axis = -1> (m)
        o = MatMul (p, v) y = MatMul (o, O)""",
    "rows of tokens": """f = Reshape (x, rows) a = MatMul (f, A) g = Gelu (a) b = MatMul (g, B)
        u = Reshape (b, tokens) t = Transpose <perm = [0,2,1]> (u) m = MatMul (u, t) y = MatMul (m, x)""",
    "tokens first": """t = Transpose <perm = [1,0,2]> (x) h = MatMul (t, H)
        q, k, v = Split <axis = -1, num_outputs = 3> (h)
        s = Constant <value_ints = [6, -1, 4]> () q1 = Reshape (q, s) k1 = Reshape (k, s) v1 = Reshape (v, s)
        q2 = Transpose <perm = [1,0,2]> (q1) k2 = Transpose <perm = [1,2,0]> (k1) v2 = Transpose <perm = [1,0,2]> (v1)
        m = MatMul (q2, k2) p = Softmax <axis = -1> (m) o = MatMul (p, v2) o1 = Transpose <perm = [1,0,2]> (o)
        r = Constant <value_ints = [-1, 8]> () o2 = Reshape (o1, r) u = MatMul (o2, C) g = Gelu (u)
        w = Constant <value_ints = [6, -1, 8]> () z = Reshape (g, w) e = Transpose <perm = [1,0,2]> (z)
        y = MatMul (e, O)""",
    "windows on the batch axis": """a = MatMul (x, A) w = Constant <value_ints = [-1, 3, 8]> () b = Reshape (a, w)
        t = Transpose <perm = [0,2,1]> (b) m = MatMul (b, t) p = Softmax <axis = -1> (m) o = MatMul (p, b)
        d = MatMul (o, C) y1 = Reshape (d, tokens) y = MatMul (y1, O)""",
    "gate": """a = MatMul (x, A) s = ReduceMean <keepdims = 1> (a, axis) b = MatMul (s, B) g = Sigmoid (b)
        e = Mul (a, g) y = MatMul (e, O)""",
    "input on both sides": """t = Transpose <perm = [0,2,1]> (x) m = MatMul (x, t) p = Softmax <axis = -1> (m)
        y = MatMul (p, x)""",
    "norm and residual": """a = MatMul (x, A) n = LayerNormalization (a, one, zero) b = MatMul (n, B) g = Gelu (b)
        c = MatMul (g, C) r = Add (a, c) m = LayerNormalization (r, one, zero) y = MatMul (m, O)""",
    "parts beside each other": """a = MatMul (x, A) r = Relu (a) b = MatMul (r, B) t = Tanh (b)
        k = Concat <axis = -1> (r, t) y = MatMul (k, W2)""",
    "first token": """a = MatMul (x, A) n = LayerNormalization (a, one, zero) b = MatMul (n, B) t = Tanh (b)
        f = Gather <axis = 1> (t, first) y = MatMul (f, O)""",
}
SEVERAL_ROWS = ("rows of tokens", "tokens first", "windows on the batch axis")  # for each sample: states have one
WIDTHS = {"A": (8, 8), "B": (8, 8), "C": (8, 8), "O": (8, 3), "H": (8, 24), "W2": (16, 3)}


def filled(text: str, sizes: dict[str, tuple[int, ...]]) -> onnx.ModelProto:
    model = parser.parse_model(f'<ir_version: 10, opset_import: ["": 20]>\n{text}')
    rng = np.random.default_rng(3)
    for name, shape in sizes.items():
        fan = shape[0] if len(shape) == 2 else np.prod(shape[1:])
        value = rng.normal(0, 1.5 / np.sqrt(fan), shape).astype(np.float32)
        model.graph.initializer.append(numpy_helper.from_array(value, name))
    return model


def convolved(activation: str) -> onnx.ModelProto:
    first, second = (ACTIVATIONS[activation].format(a=a, y=y) for a, y in (("a", "b"), ("c", "d")))
    head = "<float low = {-0.5}, float high = {1.5}>"
    text = f"g (float[N, 2, 5, 5] x) => (float[N, 5] y) {head} {{ {CONVOLVED.format(first=first, second=second)} }}"
    return filled(text, SIZES)


def product(name: str) -> onnx.ModelProto:
    head = "<int64[4] heads = {0, 6, 2, 4}, int64[3] tokens = {-1, 6, 8}, int64[2] rows = {-1, 8}, "
    head += "int64[1] axis = {1}, int64 first = {0}, "
    head += "float[8] one = {1, 1, 2, 1, 1, 0.5, 1, 1}, float[8] zero = {0, 0, 1, 0, 0, 0, 0, 0}>"
    shape = "float[N, M] y" if name == "first token" else "float[N, L, M] y"
    return filled(f"g (float[N, 6, 8] x) => ({shape}) {head} {{ {PRODUCTS[name]} }}", WIDTHS)


def drawn(count: int, *shape: int) -> np.ndarray:
    return np.random.default_rng(count).normal(0, 1, (count, *shape)).astype(np.float32)


def outputs(model: onnx.ModelProto, x: np.ndarray, *, native: bool) -> np.ndarray:
    """The outputs of any form; single steps are driven by the metadata."""
    session = create_session(model, device="cpu") if native else ort.InferenceSession(model.SerializeToString())
    form = metadata_of(model).get("snncc.form", {})
    states = {
        s["input"]: np.full([len(x) if isinstance(d, str | None) else d for d in s["shape"]], s["initial"], s["dtype"])
        for s in form.get("states", ())
    }
    names = [o.name for o in session.get_outputs()]
    for _ in range(form["steps"] if states else 1):
        found = dict(zip(names, session.run(None, {"x": x, **states}), strict=True))
        states = {s["input"]: found[s["output"]] for s in form.get("states", ())}
    return found["y"]


def error(found: np.ndarray, expected: np.ndarray) -> float:
    return float(np.abs(found - expected).mean() / np.abs(expected).mean())


def converted(model: onnx.ModelProto, calibration: np.ndarray, **options: Any) -> onnx.ModelProto:
    return snncc.convert(model, snncc.Differential(T=options.pop("T", T)), calibration=calibration, **options)


@pytest.mark.parametrize("form", ["folded", "loop", "step"])
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_outputs_converge_for_any_activation(activation, form):
    model, calibration = convolved(activation), drawn(96, 2, 5, 5)
    x = calibration[:7]  # others may exceed the range that calibration sees
    exact = ort.InferenceSession(model.SerializeToString()).run(None, {"x": x})[0]
    snn = converted(model, calibration, form=form)
    found = outputs(snn, x, native=True)
    assert error(found, exact) < ERROR
    np.testing.assert_allclose(outputs(snn, x, native=False), found, rtol=1e-5, atol=1e-6)
    if form == "folded":
        assert error(ReferenceEvaluator(snn).run(None, {"x": x})[0], found) < ERROR  # sums round otherwise


@pytest.mark.parametrize(
    ("name", "form"),
    [(n, f) for n in PRODUCTS for f in ("folded", "loop", "step") if n not in SEVERAL_ROWS or f != "step"],
)
def test_outputs_converge_for_products(name, form):
    model, calibration = product(name), drawn(96, 6, 8)
    x = calibration[:7]
    exact = ort.InferenceSession(model.SerializeToString()).run(None, {"x": x})[0]
    snn = converted(model, calibration, form=form)
    found = outputs(snn, x, native=True)
    assert error(found, exact) < 2 * ERROR
    np.testing.assert_allclose(outputs(snn, x, native=False), found, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("model", [convolved("gelu"), convolved("silu"), product("heads")], ids=["gelu", "silu", "dot"])
def test_every_step_is_a_better_answer_and_all_checks_pass(model):
    shape = [d.dim_value for d in model.graph.input[0].type.tensor_type.shape.dim][1:]
    calibration = drawn(96, *shape)
    x = calibration[:20]
    exact = ort.InferenceSession(model.SerializeToString()).run(None, {"x": x})[0]
    every = outputs(converted(model, calibration, anytime=True), x, native=True)
    errors = [error(found, exact) for found in every]
    assert errors == sorted(errors, reverse=True)
    assert [r for r in run_checks(converted(model, calibration), model, x) if not r.passed] == []


@pytest.mark.parametrize("name", PRODUCTS)
def test_spikes_drive_all_but_the_input(name):
    """Layers that read the input of the network compute with values; all others, products too, add."""
    model, x = product(name), drawn(32, 6, 8)
    found = snncc.evaluate(converted(model, x, T=2), model, x, timed=False)
    values = [layer.name for layer in found.energy.layers if layer.rate is None]
    assert len(values) == {"self-attention": 3, "heads": 3, "input on both sides": 0}.get(name, 1)
    for form in ("folded", "loop"):
        snn = converted(model, x, T=2, form=form)
        assert spike_share(snn) == pytest.approx(found.energy.spike_share)
        assert "MatMul" not in metadata_of(snn)["snncc.outcome"]["islands"]
