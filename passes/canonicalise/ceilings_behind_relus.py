# SPDX-License-Identifier: Apache-2.0
"""Relu(Min(x, c)) -> Min(Relu(x), c) for c > 0: the bound becomes the maximum level of the neuron.

Lower bounds up to 0 do nothing there: Relu(Clip(x, a, c)) -> Min(Relu(x), c), Relu(Max(x, a)) -> Relu(x).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from snncc.analysis.intervals import Interval, as_tensor, interval_of, widens
from snncc.ir.graph import Graph, Node
from snncc.passes.base import NodePass, Skip

__all__ = ["CeilingsBehindRelus"]


@dataclass(frozen=True)
class CeilingsBehindRelus(NodePass):
    """Relu(Clip(x, a, c)) -> Min(Relu(x), c) for a <= 0 < c."""

    name: ClassVar[str] = "ceilings-behind-relus"
    ops: ClassVar[tuple[str, ...]] = ("Relu",)

    def match(self, graph: Graph, node: Node) -> Interval | Skip | None:
        """The bounds before the ReLU."""
        before = graph.producer(node.inputs[0])
        found = interval_of(graph, before) if before is not None else None
        if before is None or found is None:
            return None
        if graph.sole_user(before.outputs[0]) is not node:
            return Skip(f"the bound '{before.name}' has other users")
        if not (found.high > 0).all() or (found.low > 0).any():
            return Skip("its ceiling is no positive constant, or it has a floor above 0")
        return Skip("its bounds repeat values") if widens(graph, found) else found

    def rewrite(self, graph: Graph, node: Node, match: Interval) -> None:
        """Move the ReLU before the upper bound."""
        result = graph.add("Relu", [match.source], name=f"{node.name}_below")
        if np.isfinite(match.high).any():
            ceiling = as_tensor(graph, f"{node.name}_ceiling", match.high, match.source.dtype)
            result = graph.add("Min", [result, ceiling], name=match.nodes[0].name)
        graph.bypass(node, result)
        graph.cleanup()
