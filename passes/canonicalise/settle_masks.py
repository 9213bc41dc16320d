# SPDX-License-Identifier: Apache-2.0
"""Move the infinite constants of masks to the outputs or to a Softmax, or remove them.

    Mul(Add(x, M), k) -> Add(Mul(x, k), k M)     Add(Add(x, M), y) -> Add(Add(x, y), M)
    Max(Add(x, M), -3.4e38) -> Add(x, Max(M, -3.4e38))
    Relu(Add(x, M)) -> Relu(x c - (1 - c)), c being 0 where M is -inf

This applies where the sum has no other users. A neuron with potential -inf does not fire, as with potential -1.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from snncc.analysis.masks import in_front_of, mask_of
from snncc.ir.graph import Graph, Node, Tensor
from snncc.ops.arrays import Array
from snncc.passes.base import NodePass, Skip

__all__ = ["SettleMasks"]

_TOGETHER = {"Add": np.add, "Mul": np.multiply, "Max": np.maximum}
_LARGEST = 1e30  # of values that a network computes


@dataclass(frozen=True)
class SettleMasks(NodePass):
    """op(Add(x, M)) -> Add(op(x), M), or without M, for an M with infinities."""

    name: ClassVar[str] = "settle-masks"
    ops: ClassVar[tuple[str, ...]] = ("Add",)
    max_rounds: ClassVar[int] = 1000

    def match(self, graph: Graph, node: Node) -> Node | Skip | None:
        """The node that reads the mask: a Relu, a product by a constant or a sum."""
        mask = mask_of(graph, node)
        if mask is None or not np.isinf(mask).any() or np.isnan(mask).any():
            return None
        user = graph.sole_user(node.outputs[0])
        if user is None:
            return Skip("it has other users, or leaves the network")
        if user.op == "Relu":
            return Skip("it would be infinite") if np.isposinf(mask).any() else user
        others = [t for t in user.inputs if t is not node.outputs[0]]
        fits = len(others) == 1 and _fits(user, graph.value(others[0]))
        return user if fits else Skip("it is in its place")

    def rewrite(self, graph: Graph, node: Node, match: Node) -> None:
        """Move the mask after the node that reads it, or into it."""
        mask, kind = mask_of(graph, node), node.outputs[0].dtype
        assert mask is not None
        if match.op == "Relu":
            match.inputs = [_silenced(graph, node, mask)]
        else:
            source = in_front_of(graph, node)
            other = next(t for t in match.inputs if t is not node.outputs[0])
            value = graph.value(other)
            if match.op == "Mul" or value is None:  # else constants go together
                source = graph.add(match.op, [source, other], name=match.name)
                source.shape = None  # the mask may have more axes
            if value is not None:
                mask = _TOGETHER[match.op](mask, value)
            last = graph.constant(f"{node.name}_mask", mask.astype(kind))
            result = graph.add("Add", [source, last], name=node.name)
            result.shape = match.outputs[0].shape
            graph.bypass(match, result)
        graph.cleanup()


def _fits(user: Node, value: Array | None) -> bool:
    """Whether a mask can be moved after `user`, or folded into its other constant input."""
    if user.op == "Add" or value is None:
        return bool(user.op == "Add")
    if user.op == "Max":  # a bound that only masked values reach
        return bool((value <= -_LARGEST).all())
    return bool(user.op == "Mul" and value.all() and np.isfinite(value).all())


def _silenced(graph: Graph, node: Node, mask: Array) -> Tensor:
    """x c - (1 - c)."""
    source, kind, kept = in_front_of(graph, node), node.outputs[0].dtype, np.isfinite(mask)
    product = graph.add("Mul", [source, graph.constant(f"{node.name}_kept", kept.astype(kind))], name=node.name)
    shift = graph.constant(f"{node.name}_shift", np.where(kept, mask, -1).astype(kind))
    total = graph.add("Add", [product, shift], name=f"{node.name}_masked")
    product.shape = total.shape = node.outputs[0].shape
    return total
