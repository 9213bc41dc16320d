# SPDX-License-Identifier: Apache-2.0
"""fuse-aggregation, spike-messages."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import numpy_helper, parser

from snncc.analysis.constant_folding import fold_constants
from snncc.ir.function_bodies import attach_bodies
from snncc.ir.graph import Graph
from snncc.passes.canonicalise.fuse_aggregation import FuseAggregation
from snncc.passes.legalise.insert_message_neurons import InsertMessageNeurons
from snncc.passes.manager import PassManager

NODES = 5
HEAD = f"net (float[N,{NODES},4] x) => (float[N,{NODES},4] y)"
ZEROS = "s = Shape (x) z = ConstantOfShape (s)"
SCATTER = 'ScatterElements <axis = 1, reduction = "add">'
EDGES = {
    "sources": np.array([0, 2, 2, 4, -1, 1]),
    "targets": np.array([3, 0, 3, 3, 1, -5])[:, None],
    "w": np.float32([0.5, 2, -1, 0.25, 3, 1])[:, None],
    "one_sample": np.array([3, 0, 3, 3, 1, 0])[None, :, None],
    "full": np.broadcast_to(np.array([3, 0, 3, 3, 1, 0])[:, None], (6, 4)),
    "uneven": np.arange(24).reshape(1, 6, 4) % NODES,
    "A": np.float32(np.diag([1, 2, 3, 0, 1]) + np.eye(NODES, k=2)),
    "dense": np.ones((NODES, NODES), np.float32),
    "wide": np.float32(np.eye(4, NODES)),
    "zero": np.zeros((), np.float32),
    "ones": np.ones((1, NODES, 4), np.float32),
    "axes": np.array([1]),
}


WEIGHTS = {name: np.random.default_rng(0).normal(0, 1, (4, 4)).astype(np.float32) for name in "VW"}


def model(body: str, head: str = HEAD) -> onnx.ModelProto:
    """A network of this text, whose constants are those of EDGES and WEIGHTS."""
    made = parser.parse_model(f'<ir_version: 10, opset_import: ["": 21]>\n{head} {{ {body} }}')
    for name, value in (EDGES | WEIGHTS).items():
        if any(name in node.input for node in made.graph.node):
            made.graph.initializer.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
    onnx.checker.check_model(made, full_check=True)
    return made


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


@pytest.mark.parametrize(
    ("body", "makers"),
    [
        ("p = MatMul (x, W) a = MatMul (A, p) y = Relu (a)", ["MatMul"]),
        ("a = MatMul (A, x) p = MatMul (a, W) y = Relu (p)", ["Aggregate"]),
        ("a = MatMul (A, x) b = MatMul (A, a) y = Relu (b)", ["Aggregate"]),
        ("a = MatMul (dense, x) p = MatMul (a, W) y = Relu (p)", ["MatMul"]),
        ("p = MatMul (x, W) q = Add (p, x) a = MatMul (A, q) b = MatMul (A, q) y = Add (a, b)", ["Add"]),
        ("p = MatMul (x, W) r = Relu (p) a = MatMul (A, r) s = Relu (a) y = MatMul (s, V)", []),
        ("a = MatMul (A, x) y = Relu (a)", []),
        ("p = MatMul (x, W) q = MatMul (p, V) y = Relu (q)", []),
    ],
)
@pytest.mark.parametrize("signed", [True, False])
def test_neurons_between_synapses_that_aggregate(assert_equivalent, body, makers, signed) -> None:
    before = model(body)
    graph = Graph.from_proto(before)
    graph.infer_shapes()
    PassManager((FuseAggregation(), InsertMessageNeurons(signed=signed))).run(graph)
    assert InsertMessageNeurons(signed=signed).run(graph) == 0
    placed = graph.nodes("LeakyRelu") if signed else [n for n in graph.nodes("Relu") if n.name.endswith("_above")]
    assert [n.inputs[0].inputs[0].op for n in placed] == makers
    after = graph.to_proto()
    attach_bodies(after)
    assert_equivalent(before, after)
