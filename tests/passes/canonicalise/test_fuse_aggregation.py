# SPDX-License-Identifier: Apache-2.0
"""Tests of fuse-aggregation."""

from __future__ import annotations

import onnx
import pytest
from onnx import numpy_helper

from snncc.analysis.constant_folding import fold_constants
from snncc.ir.function_bodies import attach_bodies
from snncc.ir.graph import Graph
from snncc.passes.canonicalise.fuse_aggregation import FuseAggregation
from tests.passes.graph_networks import HEAD, NODES, model

ZEROS = "s = Shape (x) z = ConstantOfShape (s)"


SCATTER = 'ScatterElements <axis = 1, reduction = "add">'


def fused(model: onnx.ModelProto) -> tuple[int, onnx.ModelProto]:
    graph = Graph.from_proto(model)
    fold_constants(graph)
    graph.infer_shapes()
    count = FuseAggregation().run(graph)
    assert FuseAggregation().run(graph) == 0
    after = graph.to_proto()
    attach_bodies(after)
    return count, after


SENT = "g = Gather <axis = 1> (x, sources) m = Mul (g, w) ms = Shape (m)"


@pytest.mark.parametrize(
    "body",
    [
        f"{ZEROS} {SENT} p = Expand (targets, ms) y = {SCATTER} (z, p, m)",
        f"{ZEROS} {SENT} p = Expand (one_sample, ms) y = {SCATTER} (z, p, m)",
        f"s = Shape (x) z = Expand (zero, s) {SENT} p = Expand (full, ms) y = {SCATTER} (z, p, m)",
        f"{ZEROS} m = Gather <axis = -2> (x, sources) ms = Shape (m) p = Expand (targets, ms) y = {SCATTER} (z, p, m)",
        f"{ZEROS} {SENT} p = Expand (targets, ms) a = {SCATTER} (z, p, m) y = {SCATTER} (a, p, m)",
        "y = MatMul (A, x)",
    ],
)
def test_sums_over_edges_become_one_op(assert_equivalent, ops, body) -> None:
    before = model(body)
    count, after = fused(before)
    assert count == body.count("ScatterElements") + body.count("MatMul")
    assert ops(after) == ["Aggregate"]
    assert_equivalent(before, after)


def test_what_is_added_to_stays(assert_equivalent, ops) -> None:
    before = model(f"r = Relu (x) {SENT} p = Expand (targets, ms) y = {SCATTER} (r, p, m)")
    _, after = fused(before)
    assert sorted(ops(after)) == ["Add", "Aggregate", "Relu"]
    assert_equivalent(before, after)


def test_edges_are_sorted_by_target() -> None:
    _, after = fused(model(f"{ZEROS} {SENT} p = Expand (targets, ms) y = {SCATTER} (z, p, m)"))
    sources, targets, weights = (
        next(numpy_helper.to_array(t) for t in after.graph.initializer if t.name == name)
        for name in after.graph.node[0].input[1:]
    )
    assert targets.tolist() == [0, 0, 1, 3, 3, 3]
    assert sources.tolist() == [2, 1, 4, 0, 2, 4]
    assert weights.tolist() == [2, 1, 3, 0.5, -1, 0.25]


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (f"{ZEROS} {SENT} p = Expand (targets, ms) y = ScatterElements <axis = 1> (z, p, m)", "does not add up"),
        (f"{ZEROS} {SENT} p = Expand (uneven, ms) y = {SCATTER} (z, p, m)", "no constant, the same for all channels"),
        (f"{ZEROS} r = Relu (x) ms = Shape (r) p = Expand (axes, ms) y = {SCATTER} (z, p, r)", "no constant"),
        ("y = MatMul (dense, x)", "not square and sparse"),
        ("u = MatMul (wide, x) y = Concat <axis = 1> (u, x)", "not square and sparse"),
    ],
)
def test_what_is_no_sum_over_edges_is_left(skips, body, reason) -> None:
    head = HEAD.replace(f"{NODES},4] y", "9,4] y") if "wide" in body else HEAD
    count, _ = fused(model(body, head))
    assert count == 0
    assert reason in skips()


ENDS = f"ms = Shape (m) p = Expand (targets, ms) y = {SCATTER} (z, p, m)"


@pytest.mark.parametrize(
    ("head", "body", "reason"),
    [
        (HEAD, f"{ZEROS} g = Gather <axis = 1> (x, sources) m = Relu (g) {ENDS}", "is not gathered along axis 1"),
        (
            HEAD.replace("x)", "x, int64[6] s)"),
            f"t = Shape (x) z = ConstantOfShape (t) g = Gather <axis = 1> (x, s) m = Mul (g, w) {ENDS}",
            "start from is no constant list",
        ),
        (
            HEAD.replace("N,5", "N,K"),
            f"{ZEROS} {SENT} p = Expand (targets, ms) y = {SCATTER} (z, p, m)",
            "nodes is not known",
        ),
        (
            HEAD.replace("5,4] y)", "9,4] y) <int64[2] more = {9, 4}>"),
            f"n = Shape <end = 1> (x) s = Concat <axis = 0> (n, more) z = ConstantOfShape (s) {SENT} "
            f"p = Expand (targets, ms) y = {SCATTER} (z, p, m)",
            "gives another number of nodes",
        ),
    ],
)
def test_edges_that_are_not_known_are_left(skips, head, body, reason) -> None:
    assert fused(model(body, head))[0] == 0
    assert reason in skips()
