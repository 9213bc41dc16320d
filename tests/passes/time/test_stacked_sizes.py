# SPDX-License-Identifier: Apache-2.0
"""Tests of stacked-sizes."""

from __future__ import annotations

import numpy as np
import pytest

from snncc.analysis.trial import trials
from snncc.ir.graph import Graph
from snncc.passes.time.stacked_sizes import StackedSizes
from snncc.passes.time.to_single_steps import ToSingleSteps
from tests.passes.time.row_networks import CONSTANTS, RATE, ROWS, stacked_network

# [N, L, 4] -> [N L, 4] -> [N, L, 4].
FOLDED = f"""net (float[N,L,4] x) => (float[N,L,4] y) {CONSTANTS} {{
    r = Relu (x) n = Shape <start = 0, end = 1> (r) l = Shape <start = 1, end = 2> (r) k = Mul (n, l)
    f = Concat <axis = 0> (k, four) a = Reshape (r, f) t = Tanh (a)
    b = Concat <axis = 0> (n, m, four) y = Reshape (t, b) }}"""


def factors_of_sizes(graph: Graph) -> list[list[int]]:
    """By how much sizes are divided and multiplied, axis by axis."""
    nodes = [n for n in graph.nodes() if graph.has_role(n, "unstack") or graph.has_role(n, "stack")]
    return [np.atleast_1d(graph.value(n.inputs[1])).tolist() for n in nodes]


@pytest.mark.parametrize("body", [ROWS, FOLDED])
def test_sizes_are_those_of_samples(build, body) -> None:
    graph = stacked_network(build, body)
    each = StackedSizes(RATE.slices)
    assert each.run(graph) == (1 if body == ROWS else 3)  # a length is right as it is
    assert each.run(graph) == 0
    runs = trials(graph, ["y"])
    assert [run.values["y"].shape[0] for run in runs] == [RATE.slices * run.samples for run in runs]


def test_sizes_of_a_few_steps_are_those_of_samples(build) -> None:
    """Axes of 1 stay 1; the rows are those of 2 steps in place of all of them."""
    graph = stacked_network(build, FOLDED)
    StackedSizes(RATE.slices).run(graph)
    before = factors_of_sizes(graph)
    assert {f for factors in before for f in factors} == {1, RATE.slices}
    ToSingleSteps(2).run(graph)
    assert factors_of_sizes(graph) == [[2 if f > 1 else 1 for f in factors] for factors in before]


def test_values_in_one_piece_have_the_sizes_of_samples(build, apply) -> None:
    assert apply(StackedSizes(1), build(FOLDED, {}))[0] == 0
