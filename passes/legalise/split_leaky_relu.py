# SPDX-License-Identifier: Apache-2.0
"""LeakyRelu(x) -> Relu(x) - a Relu(-x): two neurons of opposite polarity; PRelu(x, a), and Abs(x) with a = -1."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from snncc.ir.graph import Graph, Node
from snncc.ir.op_sets import LEAKY
from snncc.passes.base import NodePass, Skip

__all__ = ["SplitLeakyRelu", "split_leaky"]

_SLOPE = 0.01  # of LeakyRelu, if the node has no alpha


@dataclass(frozen=True)
class SplitLeakyRelu(NodePass):
    """LeakyRelu(x) -> Add(Relu(x), Mul(Relu(Mul(x, -1)), -a))."""

    name: ClassVar[str] = "split-leaky"
    ops: ClassVar[tuple[str, ...]] = LEAKY

    def match(self, graph: Graph, node: Node) -> npt.NDArray[np.float64] | Skip:
        """The slope on the negative side."""
        if node.op == "LeakyRelu":
            return np.full(1, node.attrs.get("alpha", _SLOPE))
        if node.op == "Abs":
            return np.full(1, -1.0)
        slope = graph.value(node.inputs[1])
        return Skip("its slope is not a constant") if slope is None else slope.astype(np.float64)

    def rewrite(self, graph: Graph, node: Node, match: npt.NDArray[np.float64]) -> None:
        """Put two ReLUs and their sum in its place."""
        split_leaky(graph, node, match)


def split_leaky(graph: Graph, node: Node, slope: npt.ArrayLike) -> None:
    """Replace `node`, whose slope for negative inputs is given, by two ReLUs and their sum."""
    kind = graph.element_type()
    source = node.inputs[0]
    minus = graph.constant(f"{node.name}_minus", np.full(1, -1, kind))
    mirrored = graph.add("Mul", [source, minus], name=f"{node.name}_mirrored")
    below = graph.add("Relu", [mirrored], name=f"{node.name}_below")
    factor = graph.constant(f"{node.name}_slope", (-np.atleast_1d(slope)).astype(kind))
    leak = graph.add("Mul", [below, factor], name=f"{node.name}_leak")
    above = graph.add("Relu", [source], name=f"{node.name}_above")
    graph.bypass(node, graph.add("Add", [above, leak], name=f"{node.name}_sum"))
