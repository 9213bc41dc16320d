# SPDX-License-Identifier: Apache-2.0
"""Tests of code-values."""

from __future__ import annotations

import pytest

from snncc.ir.graph import Graph
from snncc.ir.provenance import MESSAGE, VALUE
from snncc.passes.legalise.code_values import CodeValues
from tests.passes.graph_networks import model

TURN = "h = Transpose <perm = [0, 2, 1]>"
JOIN = "r = Relu (x) t = Tanh (x) k = Concat <axis = 1>"


def coded(body: str) -> tuple[Graph, list[tuple[str, str]]]:
    """The network with sites, and what each codes: the op, and whether it is a message or a value."""
    graph = Graph.from_proto(model(body))
    graph.infer_shapes()
    CodeValues().run(graph)
    sites = graph.nodes("LeakyRelu")
    return graph, [(n.inputs[0].inputs[0].op if n.inputs[0].inputs else "", graph.provenance(n).op) for n in sites]


@pytest.mark.parametrize(
    ("body", "sites"),
    [
        ("p = MatMul (x, W) y = Relu (p)", []),  # the input stays as it is
        ("p = MatMul (x, W) r = Relu (p) y = MatMul (r, V)", []),
        ("r = Relu (x) s = AveragePool <kernel_shape = [1]> (r) y = MatMul (s, W)", []),
        ("p = MatMul (x, W) g = Tanh (p) y = MatMul (g, V)", [("Tanh", VALUE)]),
        ("g = Tanh (x) p = MatMul (g, W) q = MatMul (g, W) y = Add (p, q)", [("Tanh", VALUE)]),  # one for both
        ("p = MatMul (x, W) q = MatMul (p, V) y = Relu (q)", [("MatMul", MESSAGE)]),
        ("p = MatMul (x, W) r = Relu (p) q = Add (p, r) y = MatMul (q, V)", [("Add", MESSAGE)]),
        ("p = MatMul (x, W) g = Tanh (p) q = Add (p, g) y = MatMul (q, V)", [("Add", MESSAGE)]),
        (f"s = Softmax (x) {TURN} (s) m = MatMul (h, s) y = MatMul (s, m)", [("Softmax", VALUE), ("MatMul", VALUE)]),
        (f"{TURN} (x) m = MatMul (h, x) y = MatMul (x, m)", [("", VALUE), ("MatMul", VALUE)]),
        (f"{JOIN} (r, t) m = MatMul (k, W) y, z = Split <axis = 1, num_outputs = 2> (m)", [("Tanh", VALUE)]),
        ("r = Relu (x) t = Tanh (x) m = Mul (r, t) y = MatMul (m, W)", [("Mul", VALUE)]),
        ("r = Relu (x) t = Relu (x) m = Mul (r, t) y = MatMul (m, W)", [("Mul", VALUE)]),
        ("t = Tanh (x) y = Add (t, x)", []),  # nothing reads it
    ],
)
def test_sites_on_values_that_synapses_read(body, sites, assert_equivalent) -> None:
    graph, found = coded(body)
    assert sorted(found) == sorted(sites)
    assert CodeValues().run(graph) == 0
    assert_equivalent(model(body), graph.to_proto())


def test_uncoded_sums_stay_values() -> None:
    """A residual sum that only a norm reads has no neuron, and the next sum reads its value."""
    graph, found = coded("p = MatMul (x, W) t = Tanh (p) q = MatMul (t, V) s = Add (p, q) y = Softmax (s)")
    assert found == [("Tanh", VALUE)]
    assert [t.name for t in graph.nodes("Add")[0].inputs] == ["p", "q"]
