# SPDX-License-Identifier: Apache-2.0
"""Tests of split-clip."""

from __future__ import annotations

import pytest

from snncc.ir.graph import Graph
from snncc.passes.legalise.split_clip import SplitClip
from snncc.passes.manager import PassManager

FLAT = "net (float[N,4] x) => (float[N,4] y)"


@pytest.mark.parametrize(
    ("clip", "left"),
    [
        ("<float zero = {0.0}, float six = {0.5}> { y = Clip (x, zero, six) }", ["Relu", "Min"]),
        ("<float zero = {0.0}> { y = Clip (x, zero) }", ["Relu"]),
    ],
)
def test_clips_split(build, apply, ops, clip, left) -> None:
    count, after = apply(SplitClip(), build(f"{FLAT} {clip}", {}))
    assert (count, ops(after)) == (1, left)


def test_a_clip_that_is_no_relu_stays(build) -> None:
    model = build(f"{FLAT} <float low = {{-1.0}}, float high = {{1.0}}> {{ y = Clip (x, low, high) }}", {})
    graph = Graph.from_proto(model)
    PassManager([SplitClip()]).run(graph)
    assert [n.op for n in graph.nodes()] == ["Clip"]
