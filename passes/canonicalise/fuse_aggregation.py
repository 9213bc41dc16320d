# SPDX-License-Identifier: Apache-2.0
"""ScatterElements(data, targets, w Gather(x, sources)), adding -> data + Aggregate(x): sums over edges in one op.

Exporters write the aggregation of a graph convolution in this form: each edge gathers a node's channels, optionally
weights them, and adds them to those of another node. Edges in several consecutive ops, each added to the one before,
are joined. MatMul(A, x) with a sparse square matrix A of constants becomes the edges with nonzero entries. Nodes are on
axis 1 of [N, nodes, channels].
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from snncc.ir.graph import Graph, Node, Tensor
from snncc.ops import DOMAIN
from snncc.ops.arrays import Array
from snncc.passes.base import NodePass, Skip

__all__ = ["FuseAggregation"]

_SPARSE = 0.5  # share of non-zeros below which a matrix is taken for an adjacency


@dataclass(frozen=True, eq=False)
class _Sum:
    """data + Σ over edges of weight x source; `data` None means zeros."""

    x: Tensor
    sources: Array
    targets: Array
    weights: Array
    data: Tensor | None = None


@dataclass(frozen=True)
class FuseAggregation(NodePass):
    """Gather, Mul, ScatterElements -> Aggregate; MatMul with a sparse constant left operand -> Aggregate."""

    name: ClassVar[str] = "fuse-aggregation"
    ops: ClassVar[tuple[str, ...]] = ("ScatterElements", "MatMul")

    def match(self, graph: Graph, node: Node) -> _Sum | Skip | None:
        """The edges and the tensor that they sum."""
        found = _of_matrix(graph, node) if node.op == "MatMul" else _of_scatter(graph, node)
        if isinstance(found, _Sum) and (graph.shape(found.x) or ())[1:] != (graph.shape(node.outputs[0]) or ())[1:]:
            return Skip("it gives another number of nodes than it is given")
        return found

    def rewrite(self, graph: Graph, node: Node, match: _Sum) -> None:
        """Replace it by an Aggregate; if `data` is an Aggregate of the same x with no other users, merge the edges."""
        data, x = match.data, match.x
        before = graph.producer(data) if data is not None else None
        edges = [match.sources, match.targets, match.weights]
        if before is not None and before.op == "Aggregate" and before.inputs[0] is x and graph.sole_user(data) is node:
            earlier = [graph.value(t) for t in before.inputs[1:]]
            edges = [np.concatenate([a, b]) for a, b in zip(earlier, edges, strict=True) if a is not None]
            data = None
        total = _aggregate(graph, node, x, edges)
        graph.bypass(node, total if data is None else graph.add("Add", [data, total], name=f"{node.name}_sum"))


def _aggregate(graph: Graph, node: Node, x: Tensor, edges: list[Array]) -> Tensor:
    sources, targets, weights = edges
    order = np.argsort(targets, kind="stable")
    listed = [
        graph.constant(f"{node.name}_sources", sources[order].astype(np.int32)),
        graph.constant(f"{node.name}_targets", targets[order].astype(np.int32)),
        graph.constant(f"{node.name}_weights", weights[order].astype(np.float32)),
    ]
    return graph.add("Aggregate", [x, *listed], name=f"{node.name}_aggregate", domain=DOMAIN)


def _of_matrix(graph: Graph, node: Node) -> _Sum | Skip | None:
    matrix, x = graph.value(node.inputs[0]), node.inputs[1]
    if matrix is None or matrix.ndim != 2 or len(graph.shape(x) or ()) != 3:
        return None
    if matrix.shape[0] != matrix.shape[1] or np.count_nonzero(matrix) >= _SPARSE * matrix.size:
        return Skip("its matrix is not square and sparse, as an adjacency is")
    targets, sources = np.nonzero(matrix)
    return _Sum(x, sources, targets, matrix[targets, sources])


def _of_scatter(graph: Graph, node: Node) -> _Sum | Skip:
    data, indices, updates = node.inputs
    rank = len(graph.shape(data) or ())
    if node.attrs.get("reduction", "none") != "add" or rank != 3 or node.attrs.get("axis", 0) % rank != 1:
        return Skip("it does not add up along axis 1 of [N, nodes, channels]")
    targets = _one_per_edge(graph, indices)
    if targets is None:
        return Skip("where it adds to is no constant, the same for all channels")
    weighted, weights = _weighted(graph, updates)
    gather = graph.producer(weighted)
    if gather is None or gather.op != "Gather" or gather.attrs.get("axis", 0) % rank != 1:
        return Skip("what it adds is not gathered along axis 1")
    sources = graph.value(gather.inputs[1])
    if sources is None or sources.ndim != 1 or len(sources) != len(targets):
        return Skip("where the edges start from is no constant list")
    nodes = (graph.shape(gather.inputs[0]) or (None, None))[1]
    if not isinstance(nodes, int):
        return Skip("the number of nodes is not known")
    full = np.ones(len(sources)) * (1.0 if weights is None else weights)
    zeros = None if _is_zero(graph, data) else data
    return _Sum(gather.inputs[0], sources % nodes, targets % nodes, full, zeros)


def _weighted(graph: Graph, tensor: Tensor) -> tuple[Tensor, Array | None]:
    """(x, w) of Mul(x, w), with a constant for each edge, in either order; (tensor, None) for anything else."""
    node = graph.producer(tensor)
    if node is not None and node.op == "Mul":
        for x, other in (node.inputs, reversed(node.inputs)):
            value = graph.value(other)
            if value is not None and (value.size == 1 or value.shape[-2:] == (value.size, 1)):
                return x, value.reshape(-1)
    return tensor, None


def _one_per_edge(graph: Graph, tensor: Tensor) -> Array | None:
    """The vector, one entry per edge, that constant indices or an Expand of them repeat for each channel and sample."""
    node = graph.producer(tensor)
    value = graph.value(node.inputs[0] if node is not None and node.op == "Expand" else tensor)
    if value is None or value.ndim not in (2, 3):
        return None
    value = value.reshape((1,) * (3 - value.ndim) + value.shape)
    first: Array = value[:1, :, :1]
    return first.reshape(-1) if (value == first).all() else None


def _is_zero(graph: Graph, tensor: Tensor) -> bool:
    """Whether all elements are zero."""
    value, node = graph.value(tensor), graph.producer(tensor)
    if value is not None:
        return not value.any()
    if node is not None and node.op == "ConstantOfShape":
        filling = node.attrs.get("value")
        return filling is None or not np.asarray(getattr(filling, "values", filling)).any()
    return node is not None and node.op == "Expand" and _is_zero(graph, node.inputs[0])
