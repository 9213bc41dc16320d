# SPDX-License-Identifier: Apache-2.0
"""Clip(x, 0, c) -> Min(Relu(x), c): ReLU6 becomes a ReLU with a bound, the neuron's maximum level."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from snncc.analysis.convertibility import unsupported_clip
from snncc.errors import PostconditionError
from snncc.ir.graph import Graph, Node
from snncc.passes.base import NodePass, Skip

__all__ = ["SplitClip"]


@dataclass(frozen=True)
class SplitClip(NodePass):
    """Clip(x, 0, c) -> Min(Relu(x), c); Clip(x, 0) -> Relu(x)."""

    name: ClassVar[str] = "split-clip"
    ops: ClassVar[tuple[str, ...]] = ("Clip",)

    def match(self, graph: Graph, node: Node) -> bool | Skip:
        """Reject bounds that are not those of a ReLU."""
        reason = unsupported_clip(graph, node)
        return Skip(reason) if reason else True

    def rewrite(self, graph: Graph, node: Node, _match: bool) -> None:
        """Put a Relu and, if there is an upper bound, a Min in its place."""
        result = graph.add("Relu", [node.inputs[0]], name=f"{node.name}_relu")
        upper = graph.value(node.inputs[2]) if len(node.inputs) > 2 and node.inputs[2].name else None
        if upper is not None:
            ceiling = graph.constant(f"{node.name}_ceiling", np.asarray(upper, graph.element_type()))
            result = graph.add("Min", [result, ceiling], name=f"{node.name}_min")
        graph.bypass(node, result)

    def ensures(self, graph: Graph) -> None:
        """No ReLU with an upper bound is left; any other Clip stays analog."""
        if left := [n for n in graph.nodes("Clip") if unsupported_clip(graph, n) is None]:
            raise PostconditionError(f"Clip '{left[0].name}' could not be split")
