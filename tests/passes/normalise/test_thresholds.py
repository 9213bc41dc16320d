# SPDX-License-Identifier: Apache-2.0
"""BatchNormalization in the thresholds: the same ReLU network, with unchanged weights."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

import snncc
from snncc.analysis.cpu_session import cpu_session
from snncc.coding import Coding
from snncc.coding.scales import Scales
from snncc.frontend.import_model import import_model
from snncc.ir.function_bodies import attach_bodies
from snncc.ir.graph import Graph
from snncc.ops import DOMAIN
from snncc.passes.finalise.fold_scales_into_thresholds import FoldScalesIntoThresholds
from snncc.passes.lower.lower_relu import LowerRelu
from snncc.passes.manager import PassManager
from snncc.passes.normalise.batchnorm_to_threshold import BatchNormToThreshold
from snncc.passes.pipeline import legalisation, normalisation

BN = {"g": (4,), "b": (4,), "m": (4,), "var": (4,)}
LAYERS = {
    "conv": ("Conv <pads=[1,1,1,1]> (x, w)", {"w": (4, 3, 3, 3)}, "N,3,5,6", "N,4,H,W"),
    "biased": ("Conv <group=2> (x, w, c)", {"w": (4, 1, 3, 3), "c": (4,)}, "N,2,5,6", "N,4,H,W"),
    "transposed": ("ConvTranspose (x, w, c)", {"w": (3, 4, 3, 3), "c": (4,)}, "N,3,5,6", "N,4,H,W"),
    "gemm": ("Gemm <transB=1> (x, w, c)", {"w": (4, 3), "c": (4,)}, "N,3", "N,4"),
    "matrix": ("MatMul (x, w)", {"w": (3, 4)}, "N,3", "N,4"),
}
RESIDUAL = """net (float[N,3,6,6] x) => (float[N,5] y) {
    zero = Constant <value=float {0}> () six = Constant <value=float {6}> ()
    c1 = Conv <pads=[1,1,1,1]> (x, w1) n1 = BatchNormalization (c1, g, b, m, var) r1 = Relu (n1)
    c2 = Conv <pads=[1,1,1,1]> (r1, w2) n2 = BatchNormalization (c2, g2, b2, m2, var2) r2 = Relu (n2)
    c3 = Conv <pads=[1,1,1,1]> (r2, w3) n3 = BatchNormalization (c3, g3, b3, m3, var3) s = Add (n3, r1) r3 = Relu (s)
    c4 = Conv (r3, w4) n4 = BatchNormalization (c4, g4, b4, m4, var4) r4 = Clip (n4, zero, six)
    p = GlobalAveragePool (r4) f = Flatten (p) y = Gemm (f, w5) }"""
SIZES = {"w1": (4, 3, 3, 3), **{f"w{i}": (4, 4, 3, 3) for i in (2, 3, 4)}, "w5": (4, 5)}
NORMS = {f"{name}{i}": (4,) for name in ("g", "b", "m", "var") for i in ("", 2, 3, 4)}
CODINGS = {
    "phase": snncc.Phase(T=8, Q=1.5),
    "early": snncc.Phase(T=8, Q=1.5, wait=5),
    "spikes": snncc.Phase(T=8, Q=1.5, spikes=3),
    "fs": snncc.FS(K=6),
    "rate": snncc.Rate(T=8),
    "signed": snncc.Rate(T=8, signed=True),
    "msat": snncc.MSAT(T=8),
}


def values(model: onnx.ModelProto) -> dict[str, np.ndarray]:
    return {t.name: numpy_helper.to_array(t) for t in model.graph.initializer}


def put(model: onnx.ModelProto, name: str, value: np.ndarray) -> None:
    tensor = next(t for t in model.graph.initializer if t.name == name)
    tensor.CopyFrom(numpy_helper.from_array(value.astype(np.float32), name))


@pytest.fixture
def residual(build) -> onnx.ModelProto:
    """Residual block, ReLU6, factors of either sign and a zero."""
    model = build(RESIDUAL, {**SIZES, **NORMS})
    put(model, "g2", np.array([0.5, -0.7, 0.0, 1.3]))
    return model


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


@pytest.mark.parametrize(
    ("body", "count"),
    [
        ("h = Conv (x, w) m = Mul (h, var) y = Relu (m)", 1),
        ("h = Conv (x, w) a = Add (h, c) m = Mul (a, var) y = Relu (m)", 1),
        ("h = Conv (x, w) i = Conv (x, w) a = Add (h, i) m = Mul (a, var) y = Relu (m)", 0),
    ],
    ids=["a current", "with a bias", "a sum of currents"],
)
def test_factors_of_single_currents_go_into_thresholds(build, body, count) -> None:
    weights = {"w": (4, 4, 3, 3), "var": (4, 1, 1), "c": (4, 1, 1)}
    text = f"net (float[N,4,5,6] x) => (float[N,4,H,W] y) {{ {body} }}"
    graph = Graph.from_proto(build(text, {k: v for k, v in weights.items() if k in body}))
    graph.infer_shapes()
    LowerRelu(snncc.Phase(T=8)).run(graph)
    assert FoldScalesIntoThresholds().run(graph) == count


@pytest.mark.parametrize("fold_bn", ["weights", "threshold"])
def test_both_ways_are_the_same_relu_network(residual, assert_equivalent, fold_bn) -> None:
    graph = import_model(residual)
    PassManager(legalisation(snncc.Phase())).run(graph)
    kept = "none" if fold_bn == "threshold" else "channel"
    scales = Scales({}, {}, normalize=kept)
    PassManager(normalisation(scales, fold_bn)).run(graph)
    after = graph.to_proto()
    assert "BatchNormalization" not in [n.op_type for n in after.graph.node]
    assert_equivalent(residual, after)
    found = list(values(after).values())
    for name in ("w1", "w2", "w4"):
        old = values(residual)[name] * signs_of(residual, name)
        assert any(np.array_equal(old, v) for v in found) == (fold_bn == "threshold"), name
    assert not any(np.array_equal(values(residual)["w3"], v) for v in found)  # a sum follows, no neuron


def signs_of(model: onnx.ModelProto, weight: str) -> np.ndarray:
    return np.sign(values(model)["g" + weight[1:].replace("1", "")]).reshape(-1, 1, 1, 1)


@pytest.mark.parametrize("name", CODINGS)
def test_a_factor_moves_from_the_potential_to_the_threshold(build, name) -> None:
    """With powers of two the arithmetic is exact: the very same spikes."""
    coding: Coding = CODINGS[name]
    model = build(
        "net (float[N,3,6,6] x) => (float[N,4,6,6] y) { y = Conv <pads=[1,1,1,1]> (x, w) }", {"w": SIZES["w1"]}
    )
    graph = Graph.from_proto(model)
    graph.infer_shapes()
    potential = graph.outputs[0]
    factors = [np.array([0.5, 2.0, 4.0, 0.25]).reshape(1, 4, 1, 1), np.full((1, 1, 1, 1), 0.5)]
    for factor in factors:
        constant = graph.constant("k", factor.astype(np.float32))
        potential = graph.add("Mul", [potential, constant], name="factor")
    spikes = coding.neuron(graph, potential, np.array([0.5, 1.0, 2.0, 4.0]).reshape(4, 1, 1), "n")
    graph.replace_uses(graph.outputs[0], spikes, keep=[graph.producer(graph.producer(potential).inputs[0])])
    before = graph.copy()
    assert FoldScalesIntoThresholds().run(graph) == 1
    assert FoldScalesIntoThresholds().run(graph) == 0
    (neuron,) = (n for n in graph.nodes() if n.domain == DOMAIN)
    np.testing.assert_array_equal(graph.value(neuron.inputs[1]).ravel(), [2.0, 1.0, 1.0, 32.0])
    assert graph.producer(neuron.inputs[0]).op == "Conv"
    x = np.random.default_rng(1).normal(0, 1, (8 * 3, 3, 6, 6)).astype(np.float32)
    a, b = (cpu_session(with_bodies(g), ["y"]).run(["y"], {"x": x})[0] for g in (before, graph))
    assert a.any()
    np.testing.assert_array_equal(a, b)


def with_bodies(graph: Graph) -> onnx.ModelProto:
    model = graph.to_proto()
    attach_bodies(model)
    return model


def test_a_ceiling_in_front_moves_along(build) -> None:
    model = build("net (float[N,3,6,6] x) => (float[N,4,4,4] y) { y = Conv (x, w) }", {"w": SIZES["w1"]})
    graph = Graph.from_proto(model)
    graph.infer_shapes()
    half = graph.add(
        "Mul", [graph.outputs[0], graph.constant("k", np.full((1, 4, 1, 1), 0.5, np.float32))], name="half"
    )
    bounded = graph.add("Min", [half, graph.constant("c", np.full(1, 3.0, np.float32))], name="ceiling")
    spikes = snncc.FS(K=6).neuron(graph, bounded, np.ones(1), "n")
    graph.replace_uses(graph.outputs[0], spikes, keep=[graph.producer(half)])
    assert FoldScalesIntoThresholds().run(graph) == 1
    (ceiling,) = graph.nodes("Min")
    np.testing.assert_array_equal(graph.value(ceiling.inputs[1]).ravel(), [6.0] * 4)
    (neuron,) = graph.nodes("FSNeuron")
    np.testing.assert_array_equal(graph.value(neuron.inputs[1]).ravel(), [2.0] * 4)


@pytest.mark.parametrize("factor", [-1.0, 0.0])
def test_only_positive_factors_move(build, skips, factor) -> None:
    model = build("net (float[N,3,6,6] x) => (float[N,4,4,4] y) { y = Conv (x, w) }", {"w": SIZES["w1"]})
    graph = Graph.from_proto(model)
    graph.infer_shapes()
    constant = graph.constant("k", np.full((1, 4, 1, 1), factor, np.float32))
    scaled = graph.add("Mul", [graph.outputs[0], constant], name="factor")
    spikes = snncc.Phase().neuron(graph, scaled, np.ones(1), "n")
    graph.replace_uses(graph.outputs[0], spikes, keep=[graph.producer(scaled)])
    assert FoldScalesIntoThresholds().run(graph) == 0
    assert "is no positive factor" in skips()


@pytest.mark.parametrize(
    ("name", "weights"),
    [("phase", "float"), ("phase", "int8"), ("early", "float"), ("fs", "int8"), ("rate", "int8"), ("msat", "float")],
)
def test_converted_weights_are_those_of_the_source(residual, name, weights) -> None:
    """Gains that calibration finds go into thresholds, too."""
    images = np.random.default_rng(3).normal(0, 1, (24, 3, 6, 6)).astype(np.float32)
    converted = {
        fold: snncc.convert(residual, CODINGS[name], calibration=images, fold_bn=fold, weights=weights)
        for fold in ("weights", "threshold")
    }
    stored = list(values(converted["threshold"]).values())
    for weight in ("w1", "w2", "w4"):
        old = values(residual)[weight] * signs_of(residual, weight)
        if weights == "int8":
            largest = np.abs(old).max(axis=(1, 2, 3), keepdims=True)
            old = np.rint(old / np.where(largest > 0, largest / 127, 1).astype(np.float32)).astype(np.int8)
        assert any(v.shape == old.shape and np.array_equal(old, v) for v in stored), weight
    a, b = (np.asarray(cpu_session(m, ["y"]).run(["y"], {"x": images})[0]) for m in converted.values())
    assert np.abs(a - b).mean() < 0.1 * np.abs(a).mean()
