# SPDX-License-Identifier: Apache-2.0
"""Compute the interval to which Max, Min and Clip with constant bounds restrict a value."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from snncc.analysis.convertibility import unsupported_clip
from snncc.ir.graph import Graph, Node, Tensor
from snncc.ops.arrays import Array

__all__ = ["BOUNDS", "Interval", "as_tensor", "bounded_pair", "interval_of", "is_ceiling", "is_real", "widens"]

BOUNDS = ("Max", "Min", "Clip")
_NONE = 1e30  # a bound of this magnitude counts as none: no network's values reach it


@dataclass(frozen=True, eq=False)
class Interval:
    """`source` is kept within [low, high]; a side without a bound is infinite.

    Attributes:
        source: What is bounded.
        low: Lower bound, float64, of any shape that broadcasts to the result.
        high: Upper bound, nowhere below `low`.
        nodes: The bounds that do it, the last one first; nothing else reads what the others compute.
    """

    source: Tensor
    low: Array
    high: Array
    nodes: tuple[Node, ...]

    @property
    def middle(self) -> Array:
        """The value of the interval that is nearest to 0."""
        return np.clip(np.zeros(()), self.low, self.high)

    def without(self, *, low: bool, high: bool) -> Interval:
        """The same without a lower, or an upper, bound."""
        none = np.asarray(np.inf)
        return replace(self, low=-none if low else self.low, high=none if high else self.high)


def interval_of(graph: Graph, node: Node) -> Interval | None:
    """The joint interval of `node` and preceding bounds without other users; None if a bound is computed or NaN."""
    own = _own(graph, node)
    if own is None:
        return None
    inner = graph.producer(own.source)
    before = interval_of(graph, inner) if inner is not None and graph.sole_user(own.source) is node else None
    if before is None:
        return own
    low, high = (np.clip(end, own.low, own.high) for end in (before.low, before.high))
    return Interval(before.source, low, high, (node, *before.nodes))


def bounded_pair(graph: Graph, node: Node) -> tuple[Tensor, Tensor] | None:
    """Both inputs of a Max or Min of two computed values."""
    if node.op not in ("Max", "Min") or len(node.inputs) != 2 or not is_real(node):
        return None
    first, second = node.inputs
    return (first, second) if graph.value(first) is None and graph.value(second) is None else None


def is_ceiling(graph: Graph, node: Node) -> bool:
    """Whether `node` is a Clip from 0, or the upper bound of a ReLU that has no other users."""
    if node.op == "Clip":
        return unsupported_clip(graph, node) is None
    values = [graph.value(t) for t in node.inputs]
    if node.op != "Min" or len(values) != 2 or (values[0] is None) == (values[1] is None):
        return False
    source, bound = (node.inputs[0], values[1]) if values[0] is None else (node.inputs[1], values[0])
    relu = graph.producer(source)
    alone = relu is not None and relu.op == "Relu" and graph.sole_user(source) is node
    return alone and bound is not None and bool((bound > 0).all())


def widens(graph: Graph, found: Interval) -> bool:
    """Whether bounds have axes, or axis lengths, that the bounded tensor has not."""
    shape = graph.shape(found.source) or ()
    wide = np.broadcast_shapes(found.low.shape, found.high.shape)
    pairs = zip(reversed(wide), reversed(shape), strict=False)
    return len(wide) > len(shape) or any(bound not in (1, own) for bound, own in pairs)


def is_real(node: Node) -> bool:
    """Whether `node` computes floating-point numbers."""
    kind = node.outputs[0].dtype
    return kind is not None and np.dtype(kind).kind == "f"


def as_tensor(graph: Graph, prefix: str, value: Array, kind: Any) -> Tensor:
    """A constant bound, with infinities replaced by nearly the largest numbers of the type."""
    most = np.finfo(np.dtype(kind)).max
    finite = np.where(np.isinf(value), np.sign(value) * (most / 2), value)  # half of it, as scales are to divide it
    return graph.constant(prefix, np.clip(finite, -most, most).astype(kind))


def _own(graph: Graph, node: Node) -> Interval | None:
    if node.op not in BOUNDS or not is_real(node):
        return None
    if node.op == "Clip":
        source, ends = node.inputs[0], [np.asarray(-np.inf), np.asarray(np.inf)]
        for index, tensor in enumerate(node.inputs[1:3]):
            value = graph.value(tensor) if tensor.name else ends[index]
            if value is None or value.size != 1:
                return None
            ends[index] = value.astype(np.float64).reshape(())
        low, high = ends
    else:
        computed = [t for t in node.inputs if graph.value(t) is None]
        known = [np.asarray(v, np.float64) for t in node.inputs if (v := graph.value(t)) is not None]
        if len(computed) != 1:
            return None
        source, low, high = computed[0], np.asarray(-np.inf), np.asarray(np.inf)
        for value in known:
            low, high = (np.maximum(low, value), high) if node.op == "Max" else (low, np.minimum(high, value))
    if np.isnan(low).any() or np.isnan(high).any() or graph.value(source) is not None:
        return None
    low, high = np.where(low <= -_NONE, -np.inf, low), np.where(high >= _NONE, np.inf, high)
    return Interval(source, np.minimum(low, high), high, (node,))
