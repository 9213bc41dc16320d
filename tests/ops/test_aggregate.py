# SPDX-License-Identifier: Apache-2.0
"""Sums over edges: more edges than the body handles at a time, no edges, and edges with invalid nodes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from snncc import ops
from snncc.ops import aggregate
from snncc.ops.registry import Array

AGGREGATE = aggregate.AGGREGATE


def arguments(shape: tuple[int, int, int], edges: int) -> list[Array]:
    rng = np.random.default_rng(edges)
    sources, targets = rng.integers(0, max(shape[1], 1), (2, edges)).astype(np.int32)
    weights = rng.normal(0, 1, edges).astype(np.float32)
    return [rng.normal(0, 1, shape).astype(np.float32), sources, np.sort(targets), weights]


@pytest.mark.parametrize("dtype", ["float32", "float16", "float64"])
@pytest.mark.parametrize(
    ("shape", "edges"),
    [((2, 5, 3), 0), ((1, 1, 1), 4), ((2, 300, 7), 2000), ((3, 40, 600), 100), ((0, 4, 2), 5), ((2, 4, 0), 5)],
)
def test_kernel_and_body_equal_the_reference(run: Any, shape: tuple[int, int, int], edges: int, dtype: str) -> None:
    inputs = run.cast(AGGREGATE, arguments(shape, edges), dtype)
    expected = run.reference(AGGREGATE, inputs, {})
    run.assert_same(run.native(AGGREGATE, inputs, {}), expected)
    run.assert_same(run.session(AGGREGATE, inputs, {}), expected)
    run.assert_same(run.body(AGGREGATE, inputs, {}), expected, signs=False)


def test_the_body_takes_some_edges_at_a_time(run: Any) -> None:
    inputs = arguments((1, 50, 2), 2 * aggregate._AT_ONCE + 17)
    run.assert_same(run.body(AGGREGATE, inputs, {}), run.reference(AGGREGATE, inputs, {}), signs=False)


def test_nodes_without_edges_get_zero(run: Any) -> None:
    inputs = [np.ones((1, 4, 2), np.float32), *(np.array([2, 2], t) for t in (np.int32, np.int32, np.float32))]
    assert run.native(AGGREGATE, inputs, {})[0].tolist() == [[[0, 0], [0, 0], [4, 4], [0, 0]]]


@pytest.mark.parametrize(
    ("sources", "targets", "message"),
    [
        ([0, 4], [0, 1], "edge 1 joins node 4 to 1, but X has 4 nodes"),
        ([0, -1], [0, 1], "edge 1 joins node -1 to 1"),
        ([0, 1], [0, 9], "edge 1 joins node 1 to 9"),
        ([0, 1], [2, 1], "edge 1 leads to node 1 behind one that leads to 2; sort edges by target"),
        ([0, 1], [0, 1, 1], "targets is no list of 2 edges"),
    ],
)
def test_bad_edges_are_refused(run: Any, sources: list[int], targets: list[int], message: str) -> None:
    x = np.ones((1, 4, 2), np.float32)
    inputs = [x, np.array(sources, np.int32), np.array(targets, np.int32), np.ones(2, np.float32)]
    with pytest.raises(ValueError, match=message):
        run.native(ops.get("Aggregate"), inputs, {})


def test_other_ranks_are_refused(run: Any) -> None:
    x = np.ones((4, 2), np.float32)
    with pytest.raises(ValueError, match=r"X has rank 2; give it \[N, nodes, channels\]"):
        run.native(AGGREGATE, [x, *arguments((1, 4, 2), 3)[1:]], {})
