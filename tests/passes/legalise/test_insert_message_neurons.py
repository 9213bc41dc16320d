# SPDX-License-Identifier: Apache-2.0
"""Tests of spike-messages."""

from __future__ import annotations

import pytest

from snncc.ir.function_bodies import attach_bodies
from snncc.ir.graph import Graph
from snncc.passes.canonicalise.fuse_aggregation import FuseAggregation
from snncc.passes.legalise.insert_message_neurons import InsertMessageNeurons
from snncc.passes.manager import PassManager
from tests.passes.graph_networks import model


@pytest.mark.parametrize(
    ("body", "makers"),
    [
        ("p = MatMul (x, W) a = MatMul (A, p) y = Relu (a)", ["MatMul"]),
        ("a = MatMul (A, x) p = MatMul (a, W) y = Relu (p)", ["Aggregate"]),
        ("a = MatMul (A, x) b = MatMul (A, a) y = Relu (b)", ["Aggregate"]),
        ("a = MatMul (dense, x) p = MatMul (a, W) y = Relu (p)", ["MatMul"]),
        ("p = MatMul (x, W) q = Add (p, x) a = MatMul (A, q) b = MatMul (A, q) y = Add (a, b)", ["Add"]),
        ("p = MatMul (x, W) r = Relu (p) a = MatMul (A, r) s = Relu (a) y = MatMul (s, V)", []),
        ("a = MatMul (A, x) y = Relu (a)", []),
        ("p = MatMul (x, W) q = MatMul (p, V) y = Relu (q)", []),
    ],
)
@pytest.mark.parametrize("signed", [True, False])
def test_neurons_between_synapses_that_aggregate(assert_equivalent, body, makers, signed) -> None:
    before = model(body)
    graph = Graph.from_proto(before)
    graph.infer_shapes()
    PassManager((FuseAggregation(), InsertMessageNeurons(signed=signed))).run(graph)
    assert InsertMessageNeurons(signed=signed).run(graph) == 0
    placed = graph.nodes("LeakyRelu") if signed else [n for n in graph.nodes("Relu") if n.name.endswith("_above")]
    assert [n.inputs[0].inputs[0].op for n in placed] == makers
    after = graph.to_proto()
    attach_bodies(after)
    assert_equivalent(before, after)


@pytest.mark.parametrize(
    ("body", "makers"),
    [
        ("p = MatMul (x, W) q = MatMul (p, V) y = Relu (q)", ["MatMul"]),
        ("p = MatMul (x, W) r = Relu (p) q = MatMul (r, V) y = Relu (q)", []),
        ("p = MatMul (x, W) q = Add (p, x) y = MatMul (q, V)", ["Add"]),
    ],
)
def test_linear_neurons_between_all_synapses(assert_equivalent, body, makers) -> None:
    before = model(body)
    graph = Graph.from_proto(before)
    graph.infer_shapes()
    linear = InsertMessageNeurons(signed=True, linear=True)
    assert linear.run(graph) == len(makers)
    assert linear.run(graph) == 0
    assert [n.inputs[0].inputs[0].op for n in graph.nodes("LeakyRelu")] == makers
    assert_equivalent(before, graph.to_proto())
