# SPDX-License-Identifier: Apache-2.0
"""Tests of insert-scales."""

from __future__ import annotations

import numpy as np

from snncc.ir.graph import Graph
from snncc.passes.normalise.hoist_scales import HoistScales
from snncc.passes.normalise.insert_scales import InsertScales
from snncc.passes.normalise.sink_scales import SinkScales
from tests.passes.normalise.scale_networks import LIFT_WEIGHTS

IMAGE = "net (float[N,3,6,6] x) => (float[N,{o}] y)"


SCALE = np.array([0.5, 2.0, 3.0, 0.25]).reshape(4, 1, 1)


def apply_once(apply, each, model):
    """InsertScales is the one pass that would insert again: its second run is checked on the tensors' names."""
    graph = Graph.from_proto(model)
    graph.infer_shapes()
    count = each.run(graph)
    graph.infer_shapes()
    after = graph.to_proto()
    apply(SinkScales(), after)
    return count, after


def test_inserting_changes_nothing(build, apply, ops) -> None:
    body = "h = Conv (x, w) r = Relu (h) y = Flatten (r)"
    count, after = apply_once(
        apply, InsertScales({"r": SCALE}), build(f"{IMAGE.format(o='M')} {{ {body} }}", LIFT_WEIGHTS)
    )
    assert count == 1
    assert ops(after) == ["Conv", "Mul", "Relu", "Mul", "Flatten"]


def test_a_ceiling_goes_along(build, assert_equivalent, ops) -> None:
    head = f"{IMAGE.format(o='M')} <float ceiling = {{0.5}}>"
    model = build(f"{head} {{ h = Conv (x, w) r = Relu (h) m = Min (r, ceiling) y = Flatten (m) }}", LIFT_WEIGHTS)
    graph = Graph.from_proto(model)
    graph.infer_shapes()
    assert InsertScales({"m": SCALE}).run(graph) == 1
    graph.infer_shapes()
    assert ops(graph.to_proto()) == ["Conv", "Mul", "Relu", "Min", "Mul", "Flatten"]
    assert_equivalent(model, graph.to_proto())


def test_the_scales_of_a_residual_block_all_fold(build, assert_equivalent, ops) -> None:
    body = """h = Conv <pads=[1,1,1,1]> (x, w) r = Relu (h) i = Conv <pads=[1,1,1,1]> (r, w44) a = Add (i, r)
              q = Relu (a) f = Flatten (q) y = Gemm (f, last)"""
    model = build(f"{IMAGE.format(o='M')} {{ {body} }}", {"w": (4, 3, 3, 3), "w44": (4, 4, 3, 3), "last": (144, 5)})
    graph = Graph.from_proto(model)
    graph.infer_shapes()
    for each in (InsertScales({"r": SCALE, "q": 1 / SCALE}), HoistScales(), SinkScales()):
        each.run(graph)
        graph.infer_shapes()
    after = graph.to_proto()
    assert_equivalent(model, after)
    assert ops(after).count("Mul") == 1  # the identity synapse of the shortcut, from one scale to another


def test_a_relu_without_a_scale_stays(build, apply, skips) -> None:
    model = build(f"{IMAGE.format(o='M')} {{ r = Relu (x) y = Flatten (r) }}", {})
    assert apply(InsertScales({}), model)[0] == 0
    assert "calibration has no scale for it" in skips()
