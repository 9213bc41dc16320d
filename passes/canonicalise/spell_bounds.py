# SPDX-License-Identifier: Apache-2.0
"""Canonicalise ops that clip values to constant bounds; remove bounds without effect.

    Max(x, y, 1, 2) -> Max(Max(x, y), 2)      Min(Max(x, a), b) -> Clip(x, a, b)      Clip(x, -inf, b) -> Min(x, b)
    Clip(Clip(x, a, b), c, d) -> Clip(x, …)   Clip(x, 0) -> Relu(x)                   Clip(x, -3.4e38, 3.4e38) -> x

Where the lower bound is not below the upper one, the result is the upper one, a constant (as ONNX specifies). After a
ReLU, lower bounds up to 0 are removed. Bounds that differ between channels stay a Max and a Min.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import reduce
from typing import ClassVar

import numpy as np

from snncc.analysis.intervals import BOUNDS, Interval, as_tensor, interval_of, is_real, widens
from snncc.ir.graph import Graph, Node, Tensor
from snncc.passes.base import NodePass, Skip
from snncc.passes.canonicalise.remove_redundant_relu import is_rectified

__all__ = ["SpellBounds"]


@dataclass(frozen=True)
class SpellBounds(NodePass):
    """Max, Min, Clip -> the canonical one of them, or the equivalent ReLU."""

    name: ClassVar[str] = "spell-bounds"
    ops: ClassVar[tuple[str, ...]] = BOUNDS
    max_rounds: ClassVar[int] = 1000  # one for each of a chain, at most

    def match(self, graph: Graph, node: Node) -> Interval | bool | Skip:
        """The interval, or whether several values are compared; rejects nodes in canonical form."""
        if not is_real(node) or all(graph.value(t) is not None for t in node.inputs if t.name):
            return Skip("it bounds no activations")
        found = interval_of(graph, node)
        if found is None:
            return _several(graph, node) or Skip("its bounds are computed, or no numbers")
        if np.isposinf(found.low).any() or np.isneginf(found.high).any():
            return Skip("its result is infinite")
        found = _needed(graph, found)
        return Skip("it is spelled like that") if _spelled(graph, node, found) else found

    def rewrite(self, graph: Graph, node: Node, match: Interval | bool) -> None:
        """Replace it by its canonical form."""
        result = _one_by_one(graph, node) if isinstance(match, bool) else _written(graph, node, match)
        if match is True or (isinstance(match, Interval) and result is not match.source):
            result.shape = node.outputs[0].shape
        graph.bypass(node, result)
        graph.cleanup()


def _several(graph: Graph, node: Node) -> bool:
    """Whether a Max or Min has more than two inputs, or a Clip has computed bounds."""
    if node.op == "Clip":
        return any(t.name and graph.value(t) is None for t in node.inputs[1:])
    return len(node.inputs) != 2


def _one_by_one(graph: Graph, node: Node) -> Tensor:
    """Nested bounds of two: those of activations first, then the strictest constant."""
    name, result = node.name, node.inputs[0]
    if node.op == "Clip":
        for op, bound in zip(("Max", "Min"), node.inputs[1:3], strict=False):
            result = graph.add(op, [result, bound], name=name) if bound.name else result
        return result
    result, *others = (t for t in node.inputs if graph.value(t) is None)
    for other in others:
        result = graph.add(node.op, [result, other], name=name)
    values = [v for t in node.inputs if (v := graph.value(t)) is not None]
    if values:
        strictest = reduce(np.maximum if node.op == "Max" else np.minimum, values)
        result = graph.add(node.op, [result, graph.constant(f"{name}_bound", strictest)], name=name)
    return result


def _needed(graph: Graph, found: Interval) -> Interval:
    """The interval without the part that a preceding ReLU already ensures."""
    if not is_rectified(graph, found.source):
        return found
    low = np.where(found.low <= 0, -np.inf, found.low)
    return replace(found, low=low) if (found.high > 0).all() else found


def _op_of(graph: Graph, found: Interval) -> str:
    """The op that represents `found`; `pair` if that takes two ops."""
    low, high = np.isfinite(found.low).any(), np.isfinite(found.high).any()
    if (found.low == found.high).all():
        return "constant"
    if low and high:
        return "Clip" if found.low.size == found.high.size == 1 and not widens(graph, found) else "pair"
    if low:
        return "Max" if found.low.any() else "Relu"
    return "Min" if high else "nothing"


def _spelled(graph: Graph, node: Node, found: Interval) -> bool:
    """Whether `node` is the canonical form of `found`."""
    op = _op_of(graph, found)
    return op == "pair" or (op == node.op and len(found.nodes) == 1)


def _written(graph: Graph, node: Node, found: Interval) -> Tensor:
    source, name, kind, op = found.source, node.name, node.outputs[0].dtype, _op_of(graph, found)
    if op in ("nothing", "Relu") and widens(graph, found):
        zeros = np.zeros(np.broadcast_shapes(found.low.shape, found.high.shape), kind)
        source = graph.add("Add", [source, graph.constant(f"{name}_wide", zeros)], name=f"{name}_widened")
    if op == "nothing":
        return source
    if op == "Relu":
        return graph.add("Relu", [source], name=name)
    if op == "constant":  # for each sample
        none = graph.add("Mul", [source, graph.constant(f"{name}_none", np.zeros((), kind))], name=f"{name}_zero")
        return graph.add("Add", [none, graph.constant(f"{name}_value", found.high.astype(kind))], name=name)
    ends = (
        (found.low,)
        if op == "Max"
        else (found.high,)
        if op == "Min"
        else (found.low.reshape(()), found.high.reshape(()))
    )
    return graph.add(op, [source, *(as_tensor(graph, f"{name}_bound", e, kind) for e in ends)], name=name)
