# SPDX-License-Identifier: Apache-2.0
"""Identity(x), Dropout(x), Cast(x) to the same type -> x: remove ops without effect at inference."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from snncc.ir.graph import Graph, Node
from snncc.ir.op_sets import CASTS
from snncc.passes.base import NodePass, Skip

__all__ = ["RemoveIdentity"]


@dataclass(frozen=True)
class RemoveIdentity(NodePass):
    """Identity(x), Dropout(x), a Cast to the same type -> x."""

    name: ClassVar[str] = "remove-identity"
    ops: ClassVar[tuple[str, ...]] = ("Identity", "Dropout", *CASTS)

    def match(self, graph: Graph, node: Node) -> bool | Skip:
        """Reject a Dropout whose mask is used, and an Identity that only names an input or constant as an output."""
        if node.op.startswith("Cast") and node.inputs[0].dtype != node.outputs[0].dtype:
            return Skip("it changes the type")
        if len(node.outputs) > 1 and (graph.users(node.outputs[1]) or graph.is_output(node.outputs[1])):
            return Skip("its mask is read")
        if graph.is_output(node.outputs[0]):
            producer = graph.producer(node.inputs[0])
            if producer is None or graph.is_output(node.inputs[0]):
                return Skip("it gives a graph output its name")
        return True

    def rewrite(self, graph: Graph, node: Node, _match: bool) -> None:
        """Connect its users to its input."""
        graph.bypass(node, node.inputs[0])
