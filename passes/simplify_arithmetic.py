# SPDX-License-Identifier: Apache-2.0
"""Sum(x) -> x, Sum(x, y) -> Add(x, y), Div(x, c) -> Mul(x, 1/c): fewer spellings for the passes that follow."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from snncc.graph import Graph, Node
from snncc.passes.base import NodePass, Skip

__all__ = ["SimplifyArithmetic"]


@dataclass(frozen=True)
class SimplifyArithmetic(NodePass):
    """Sum(x, y) -> Add(x, y); Div(x, c) -> Mul(x, 1/c) for a constant c without zeros."""

    name: ClassVar[str] = "simplify-arithmetic"
    ops: ClassVar[tuple[str, ...]] = ("Sum", "Div")

    def match(self, graph: Graph, node: Node) -> bool | Skip:
        """Refuses sums of more than two and divisors that are computed, integer or 0 somewhere."""
        if node.op == "Sum":
            one_name = len(node.inputs) == 1 and graph.is_output(node.outputs[0])
            return Skip("it has no simpler form") if len(node.inputs) > 2 or one_name else True
        divisor = graph.value(node.inputs[1])
        if divisor is None or divisor.dtype.kind != "f" or not divisor.all():
            return Skip("its divisor is not a constant without zeros")
        return True

    def rewrite(self, graph: Graph, node: Node, _match: bool) -> None:
        """Change the node in place, or take it out."""
        if node.op == "Div":
            divisor = graph.value(node.inputs[1])
            assert divisor is not None
            factor = np.asarray(1 / divisor.astype(np.float64), divisor.dtype)
            node.op, node.inputs = "Mul", [node.inputs[0], graph.constant(f"{node.inputs[1].name}_inverse", factor)]
        elif len(node.inputs) == 1:
            graph.bypass(node, node.inputs[0])
        else:
            node.op = "Add"
