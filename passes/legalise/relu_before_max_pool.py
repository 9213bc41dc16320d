# SPDX-License-Identifier: Apache-2.0
"""Relu(MaxPool(x)) -> MaxPool(Relu(x)), equal because ReLU is monotonic: the pool then operates on spikes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from snncc.ir.graph import Graph, Node
from snncc.ir.op_sets import MAX_POOLS
from snncc.passes.base import NodePass, Skip

__all__ = ["ReluBeforeMaxPool"]


@dataclass(frozen=True)
class ReluBeforeMaxPool(NodePass):
    """Relu(MaxPool(x)) -> MaxPool(Relu(x))."""

    name: ClassVar[str] = "pools-behind-relus"
    ops: ClassVar[tuple[str, ...]] = ("Relu",)
    max_rounds: ClassVar[int] = 100  # one per pool in a row

    def match(self, graph: Graph, node: Node) -> Node | Skip | None:
        """The pool before the ReLU."""
        pool = graph.producer(node.inputs[0])
        if pool is None or pool.op not in MAX_POOLS:
            return None
        if graph.sole_user(pool.outputs[0]) is not node:
            return Skip(f"the pool '{pool.name}' has other users")
        return pool

    def rewrite(self, graph: Graph, node: Node, match: Node) -> None:
        """Move the ReLU before the pool."""
        source, pooled = match.inputs[0], node.outputs[0]
        node.inputs = [source]
        relu = graph.add("Relu", [source], name=f"{node.name}_in_front")
        match.inputs[0] = relu
        graph.replace_uses(pooled, match.outputs[0])
        graph.erase(node)
