# SPDX-License-Identifier: Apache-2.0
"""Relu(x) -> x where x is a ReLU's result after shape-only ops or pools: avoids a redundant layer of neurons.

Likewise LeakyRelu, PRelu and Abs, which change nothing above 0 either.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from snncc.analysis.activation_sites import ceiling_behind
from snncc.analysis.convertibility import unsupported_clip
from snncc.ir.graph import Graph, Node, Tensor
from snncc.ir.op_sets import LEAKY, MAX_POOLS, MOVES
from snncc.passes.base import NodePass, Skip

__all__ = ["RemoveRedundantRelu", "is_rectified"]

_KEEPING = MOVES - {"Concat", "Pad"} | set(MAX_POOLS)


@dataclass(frozen=True)
class RemoveRedundantRelu(NodePass):
    """Relu(Relu(x)) -> Relu(x)."""

    name: ClassVar[str] = "merge-relus"
    ops: ClassVar[tuple[str, ...]] = ("Relu", *LEAKY)

    def match(self, graph: Graph, node: Node) -> bool | Skip:
        """Reject inputs that may be negative, a ReLU with its own upper bound, and a ReLU that names an output."""
        if not is_rectified(graph, node.inputs[0]):
            return Skip("its input may be negative")
        first = graph.producer(node.inputs[0])
        alone = first is not None and first.op == "Relu" and graph.sole_user(first.outputs[0]) is node
        if node.op == "Relu" and ceiling_behind(graph, node) is not None and not alone:
            return Skip("it has a ceiling, which the ReLU before it cannot take")
        return Skip("it gives an output its name") if graph.is_output(node.outputs[0]) else True

    def rewrite(self, graph: Graph, node: Node, _match: bool) -> None:
        """Connect its users to its input."""
        graph.bypass(node, node.inputs[0])


def is_rectified(graph: Graph, tensor: Tensor) -> bool:
    """Whether `tensor` is a ReLU's result after shape-only ops, pools or bounds only."""
    node = graph.producer(tensor)
    while node is not None and node.op in _KEEPING:
        node = graph.producer(node.inputs[0])
    if node is None:
        return False
    if node.op in ("Min", "Max"):
        values = [graph.value(t) for t in node.inputs]
        each = [
            is_rectified(graph, t) if v is None else (v >= 0).all() for t, v in zip(node.inputs, values, strict=True)
        ]
        return all(each) if node.op == "Min" else any(each)
    return node.op == "Relu" or (node.op == "Clip" and unsupported_clip(graph, node) is None)
