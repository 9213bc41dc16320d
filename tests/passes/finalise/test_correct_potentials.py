# SPDX-License-Identifier: Apache-2.0
"""Tests of correct-potentials."""

from __future__ import annotations

import numpy as np
import pytest

from snncc.coding.scales import PotentialCorrection
from snncc.ir.graph import Graph
from snncc.passes.finalise.correct_potentials import CorrectPotentials
from snncc.passes.normalise.hoist_scales import HoistScales


@pytest.mark.parametrize(
    ("body", "added"),
    [
        ("h = Conv (x, w) {} y = Relu (h)", 0),
        ("i = Conv (x, w) h = Add (x, i) {} y = Relu (h)", 0),
        ("i = Conv (x, w) h = Mul (i, k) {} y = Relu (h)", 0),
        ("h = Add (x, x) {} y = Relu (h)", 1),
        ("i = Conv (x, w) h = Add (i, x) {} r = Relu (h) y = Add (r, i)", 1),
    ],
)
def test_corrections_reach_the_potential_and_nothing_else(build, assert_equivalent, body, added) -> None:
    head = "net (float[N,4,3,3] x) => (float[N,4,3,3] y) <float[4,1,1] missing = {0.5, -1.0, 0.0, 2.0}>"
    weights = {"w": (4, 4, 1, 1), "k": (4, 1, 1)}
    graph = Graph.from_proto(build(f"{head} {{ {body.format('')} }}", weights))
    graph.infer_shapes()
    offset = np.array([0.5, -1.0, 0.0, 2.0]).reshape(4, 1, 1)
    assert CorrectPotentials({"h": PotentialCorrection(np.ones((4, 1, 1)), offset)}).run(graph) == 1
    graph.infer_shapes()
    assert len(graph.nodes()) == len(body.split(" = ")) - 1 + added
    expected = body.format("c = Add (h, missing)").replace("Relu (h)", "Relu (c)")
    assert_equivalent(build(f"{head} {{ {expected} }}", weights), graph.to_proto())


@pytest.mark.parametrize(
    "body", ["h = Conv (x, w) {} y = Relu ({})", "i = Conv (x, w) h = Add (x, i) {} y = Relu ({})"]
)
def test_gains_apply_after_offsets(build, assert_equivalent, body) -> None:
    head = "net (float[N,4,3,3] x) => (float[N,4,3,3] y) <float[4,1,1] c = {0.5, -1.0, 0.0, 2.0}, float[1] g = {3.0}>"
    graph = Graph.from_proto(build(f"{head} {{ {body.format('', 'h')} }}", {"w": (4, 4, 1, 1)}))
    graph.infer_shapes()
    offset = np.array([0.5, -1.0, 0.0, 2.0]).reshape(4, 1, 1)
    CorrectPotentials({"h": PotentialCorrection(np.full((1, 1, 1), 3.0), offset)}).run(graph)
    graph.infer_shapes()
    HoistScales().run(graph)
    graph.infer_shapes()
    expected = body.format("s = Add (h, c) t = Mul (s, g)", "t")
    assert_equivalent(build(f"{head} {{ {expected} }}", {"w": (4, 4, 1, 1)}), graph.to_proto())


@pytest.mark.parametrize(
    "body",
    [
        "h = MatMul (x, w) {} y = Relu ({})",
        "h = MatMul (x, w) {} y = Identity ({})",
        "i = MatMul (x, w) h = Add (i, b) {} y = Relu ({})",
        "h = Gemm (x, w) {} y = Relu ({})",
        "h = Gemm (x, w, b) {} y = Relu ({})",
        "i = MatMul (x, w) h = Mul (i, b) {} y = Relu ({})",
        "i = MatMul (x, w) h = Add (x, i) {} y = Relu ({})",
        "i = MatMul (x, w) k = MatMul (x, w) h = Add (i, k) {} y = Relu ({})",
        "h = Relu (x) {} y = MatMul ({}, w)",
        "h = MatMul (x, w) {} z = Relu ({}) k = Relu (h) y = Add (z, k)",
    ],
)
def test_gains_apply_after_offsets_whatever_takes_the_offset(build, assert_equivalent, body) -> None:
    head = (
        "net (float[N,4] x) => (float[N,4] y) <float[4] c = {0.5, -1.0, 0.0, 2.0}, float[4] g = {3.0, 0.5, 1.0, 2.0}>"
    )
    weights = {"w": (4, 4), "b": (4,)}
    graph = Graph.from_proto(build(f"{head} {{ {body.format('', 'h')} }}", weights))
    graph.infer_shapes()
    offset, gain = np.array([[0.5, -1.0, 0.0, 2.0]]), np.array([[3.0, 0.5, 1.0, 2.0]])
    CorrectPotentials({"h": PotentialCorrection(gain, offset)}).run(graph)
    graph.infer_shapes()
    HoistScales().run(graph)
    graph.infer_shapes()
    expected = body.format("s = Add (h, c) t = Mul (s, g)", "t").replace("k = Relu (h)", "k = Relu (t)")
    assert_equivalent(build(f"{head} {{ {expected} }}", weights), graph.to_proto())
