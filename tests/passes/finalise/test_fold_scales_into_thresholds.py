# SPDX-License-Identifier: Apache-2.0
"""Tests of raise-thresholds."""

from __future__ import annotations

import numpy as np
import onnx
import pytest

import snncc
from snncc.analysis.cpu_session import cpu_session
from snncc.coding import Coding
from snncc.ir.function_bodies import attach_bodies
from snncc.ir.graph import Graph
from snncc.ops import DOMAIN
from snncc.passes.finalise.fold_scales_into_thresholds import FoldScalesIntoThresholds
from snncc.passes.lower.lower_relu import LowerRelu
from tests.passes.normalise.threshold_networks import CODINGS

SIZES = {"w1": (4, 3, 3, 3), **{f"w{i}": (4, 4, 3, 3) for i in (2, 3, 4)}, "w5": (4, 5)}


def with_bodies(graph: Graph) -> onnx.ModelProto:
    model = graph.to_proto()
    attach_bodies(model)
    return model


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


def test_a_factor_that_others_read_stays(build, skips) -> None:
    model = build("net (float[N,3,6,6] x) => (float[N,4,4,4] y) { y = Conv (x, w) }", {"w": SIZES["w1"]})
    graph = Graph.from_proto(model)
    graph.infer_shapes()
    scaled = graph.add("Mul", [graph.outputs[0], graph.constant("k", np.float32([2.0]))], name="factor")
    spikes = snncc.Phase().neuron(graph, scaled, np.ones(1), "n")
    total = graph.add("Add", [spikes, scaled], name="total")
    graph.replace_uses(graph.outputs[0], total, keep=[graph.producer(scaled)])
    assert FoldScalesIntoThresholds().run(graph) == 0
    assert "' has other users" in skips()
