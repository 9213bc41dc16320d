# SPDX-License-Identifier: Apache-2.0
"""Tests of fuse-residual."""

from __future__ import annotations

import pytest

import snncc
from snncc.compiler.export import export_model
from snncc.ir.graph import Graph
from snncc.passes.finalise.fuse_residual import FuseResidual
from snncc.passes.lower.lower_relu import LowerRelu

CODING = snncc.Phase(T=8, Q=1.5)


def residual(build, body: str) -> Graph:
    model = build(f"net (float[N,4,3,3] x) => (float[N,4,3,3] y) {{ {body} }}", {"w": (4, 4, 1, 1), "k": (4, 1, 1)})
    graph = Graph.from_proto(model)
    graph.infer_shapes()
    LowerRelu(CODING).run(graph)
    graph.infer_shapes()
    return graph


@pytest.mark.parametrize("total", ["a = Add (h, x)", "a = Add (x, h)", "m = Mul (x, k) a = Add (m, h)"])
def test_shortcuts_fuse_and_give_the_same_spikes(build, assert_equivalent, total) -> None:
    graph = residual(build, f"h = Conv (x, w) {total} y = Relu (a)")
    before = export_model(graph.copy().to_proto(), {"snncc.version": "0"})
    assert FuseResidual().run(graph) == 1
    after = export_model(graph.to_proto(), {"snncc.version": "0"})
    assert [n.op_type for n in after.graph.node] == ["Conv", "ResidualOneSpikeNeuron"]
    assert after.graph.node[1].input[0] == after.graph.node[0].output[0]
    assert_equivalent(before, after, rtol=0, atol=0)


def test_a_sum_that_is_read_twice_does_not_fuse(build, skips) -> None:
    assert FuseResidual().run(residual(build, "h = Conv (x, w) a = Add (h, x) r = Relu (a) y = Add (r, a)")) == 0
    assert "other users" in skips()


def test_a_sum_that_broadcasts_does_not_fuse(build, skips) -> None:
    assert FuseResidual().run(residual(build, "g = GlobalAveragePool (x) a = Add (x, g) y = Relu (a)")) == 0
    assert "differ in shape" in skips()
