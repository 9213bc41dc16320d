# SPDX-License-Identifier: Apache-2.0
"""Tests of keep-islands."""

from __future__ import annotations

import pytest

import snncc
from snncc.analysis.analog_ops import analog_ops
from snncc.ir.graph import Graph
from snncc.passes.lower.isolate_analog_ops import IsolateAnalogOps
from tests.passes.time.time_networks import MLP, RATE, lowered

FLAT = "net (float[N,4] x) => (float[N,4] y)"


ISLAND = "{ a = Relu (x) b = Exp (a) c = Tanh (b) d = MatMul (c, W) y = Relu (d) }"


def test_islands_are_what_is_neither_linear_nor_a_neuron(build) -> None:
    graph = Graph.from_proto(build(f"{FLAT} {ISLAND}", {"W": (4, 4)}))
    assert [n.op for n in analog_ops(graph)] == ["Exp", "Tanh"]


@pytest.mark.parametrize(
    ("body", "found"),
    [
        ("a = Relu (x) y = Softmax (a)", []),
        ("a = Softmax (x) y = Relu (a)", ["Softmax"]),
        ("a = Relu (x) y = Mul (a, x)", ["Mul"]),
        ("a = Relu (x) y = Mul (a, k)", []),
        ("a = Relu (x) y = Min (a, k)", []),
        ("a = Relu (x) y = Div (k, a)", ["Div"]),
        ("a = Clip (x, k) y = Relu (a)", ["Clip"]),
    ],
)
def test_what_is_an_island(build, body, found) -> None:
    model = build(f"{FLAT} <float k = {{1.5}}> {{ {body} }}", {})
    assert [n.op for n in analog_ops(Graph.from_proto(model))] == found


def test_an_island_of_values_is_coded_again_behind_it(build, ops) -> None:
    graph = Graph.from_proto(build(f"{FLAT} {ISLAND}", {"W": (4, 4)}))
    IsolateAnalogOps(snncc.Phase(T=8), {"b": (0.0, 3.0), "c": (0.0, 1.0)}).run(graph)
    assert ops(graph.to_proto()) == ["Relu", "Exp", "Tanh", "PhaseNeuron", "MatMul", "Relu"]


def test_islands_see_means_over_all_steps(build) -> None:
    graph = lowered(build, body=MLP.replace("s = Add (r, x)", "e = Exp (r) s = Relu (e)"))
    assert [n.op for n in analog_ops(graph)] == ["Exp"]
    assert IsolateAnalogOps(RATE, {"e": (0.0, 3.0)}).run(graph) == 1
    for op in ("RunningTotal", "Increase"):
        assert [(n.attrs["steps"], n.attrs["mean"]) for n in graph.nodes(op)] == [(4, 1)]
