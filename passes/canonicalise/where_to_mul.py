# SPDX-License-Identifier: Apache-2.0
"""Where(c, x, k) -> Add(Mul(x, c), Where(c, 0, k)), for constants c and k: a mask is a factor of 0 or 1.

Infinite elements of k are added last, so that they can be distinguished from a bias.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from snncc.ir.graph import Graph, Node, Tensor
from snncc.ops.arrays import Array
from snncc.passes.base import NodePass, Skip
from snncc.passes.shared.arithmetic import shifted

__all__ = ["WhereToMul"]


@dataclass(frozen=True)
class WhereToMul(NodePass):
    """Where(c, x, k) -> x c + k (1 - c)."""

    name: ClassVar[str] = "masks-to-factors"
    ops: ClassVar[tuple[str, ...]] = ("Where",)

    def match(self, graph: Graph, node: Node) -> Array | Skip:
        """c; rejects a computed c, constants with NaN, and values that are not floating-point."""
        mask, kind = graph.value(node.inputs[0]), node.outputs[0].dtype
        if mask is None or kind is None or np.dtype(kind).kind != "f":
            return Skip("what it chooses by is computed")
        values = [v for t in node.inputs[1:] if (v := graph.value(t)) is not None]
        return Skip("it fills up with NaN") if any(np.isnan(v).any() for v in values) else mask

    def rewrite(self, graph: Graph, node: Node, match: Array) -> None:
        """Put the sum of both parts in its place."""
        first, second = node.inputs[1:]
        parts = _kept(graph, node, first, match), _kept(graph, node, second, ~match)
        result = shifted(graph, *parts, f"{node.name}_chosen")
        result.shape = None
        infinite = _infinite(graph, first, match) + _infinite(graph, second, ~match)
        if np.isinf(infinite).any():
            last = graph.constant(f"{node.name}_infinite", infinite.astype(node.outputs[0].dtype))
            result = shifted(graph, result, last, f"{node.name}_infinity")
        graph.bypass(node, result)


def _infinite(graph: Graph, tensor: Tensor, mask: Array) -> Array:
    """The infinities of a constant where the mask is true, 0 elsewhere."""
    value = graph.value(tensor)
    return np.zeros(()) if value is None else np.where(mask & np.isinf(value), value, 0.0)


def _kept(graph: Graph, node: Node, tensor: Tensor, mask: Array) -> Tensor:
    """x where the mask is true, 0 elsewhere."""
    value, kind = graph.value(tensor), node.outputs[0].dtype
    if value is not None:
        finite = np.where(np.isfinite(value), value, 0)
        return graph.constant(f"{node.name}_filled", np.asarray(finite * mask, kind))
    result = graph.add("Mul", [tensor, graph.constant(f"{node.name}_mask", mask.astype(kind))], name=node.name)
    result.shape = None
    return result
