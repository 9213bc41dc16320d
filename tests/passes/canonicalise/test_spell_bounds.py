# SPDX-License-Identifier: Apache-2.0
"""Tests of spell-bounds."""

from __future__ import annotations

import numpy as np
import pytest

from snncc.ir.graph import Graph
from snncc.passes.canonicalise.spell_bounds import SpellBounds
from tests.passes.bound_networks import network

SPELLED = {
    "no bounds": ("a = Clip (x)", []),
    "bounds that do nothing": ("a = Clip (x, lowest, most)", []),
    "one that does nothing": ("a = Clip (x, lowest, half)", ["Min"]),
    "a chain": ("c = Max (x, minus) a = Min (c, half)", ["Clip"]),
    "a chain of four": (
        "c = Clip (x, minus, half) d = Min (c, one) e = Max (d, minus) a = Clip (e, zero, most)",
        ["Clip"],
    ),
    "from 0": ("a = Clip (x, zero, most)", ["Relu"]),
    "several": ("c = Abs (x) a = Max (x, minus, c, zero)", ["Abs", "Max", "Relu"]),
    "a single one": ("a = Max (x)", []),
    "the wrong way round": ("a = Clip (x, half, minus)", ["Mul", "Add"]),
    "of a ReLU": ("c = Relu (x) a = Clip (c, minus, half)", ["Relu", "Min"]),
    "of a ReLU, from below": ("c = Relu (x) a = Max (c, minus)", ["Relu"]),
    "computed": ("c = ReduceMax <keepdims = 0> (x) a = Clip (x, minus, c)", ["ReduceMax", "Max", "Min"]),
}


@pytest.mark.parametrize("name", SPELLED)
def test_bounds_are_spelled_once(build, apply, ops, name) -> None:
    body, left = SPELLED[name]
    count, after = apply(SpellBounds(), build(network(body), {}))
    assert count >= 1
    assert ops(after) == [*left, "Add", "Relu"]


@pytest.mark.parametrize(
    "body", ["a = Clip (x, minus, half)", "c = Max (x, each) a = Min (c, upper)", "a = Max (x, far)"]
)
def test_bounds_in_good_spelling_stay(build, apply, body) -> None:
    assert apply(SpellBounds(), build(network(body), {}))[0] == 0


def test_the_shape_of_several_bounds_is_kept(build) -> None:
    """The first of them is shorter than the result."""
    graph = Graph.from_proto(build(network("c = ReduceMax (x, axis) a = Max (c, minus, x)"), {}))
    graph.infer_shapes()
    before = graph.shape(graph.nodes("Max")[0].outputs[0])
    assert SpellBounds().run(graph) >= 1
    assert graph.shape(graph.nodes("Add")[0].inputs[0]) == before
    assert len(before) == 2


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("c = Max (half, one) a = Add (x, c)", "it bounds no activations"),
        ("c = Mul (half, one) a = Max (x, c)", "its bounds are computed, or no numbers"),
        ("a = Clip (x, minus, half)", "it is spelled like that"),
    ],
)
def test_says_why_not(build, apply, skips, body, reason) -> None:
    assert apply(SpellBounds(), build(network(body), {}), equivalent=False)[0] == 0
    assert reason in skips()


def test_a_bound_at_infinity_stays(build, skips) -> None:
    graph = Graph.from_proto(build(network("a = Max (x, each)"), {}))
    graph.infer_shapes()
    node = graph.nodes("Max")[0]
    node.inputs[1] = graph.constant("infinite", np.full(4, np.inf, np.float32))
    assert SpellBounds().run(graph) == 0
    assert "its result is infinite" in skips()
