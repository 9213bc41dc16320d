# SPDX-License-Identifier: Apache-2.0
"""Any bound is a ReLU of a shifted value, so that bounds become neurons between linear ops.

    Max(x, y) = y + Relu(x - y)        Min(x, y) = y - Relu(y - x)        Clip(x, a, b) = a + Clip(x - a, 0, b - a)

Min(Relu(x), c), a ReLU with a ceiling c > 0, is left for the neuron; Relu(Min(x, c)) and Max(Min(x, c), 0) become it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from snncc.graph import Graph, Node, Tensor
from snncc.obstacles import clip_obstacle
from snncc.passes.base import NodePass, Skip
from snncc.passes.simplify_arithmetic import negated, shifted
from snncc.passes.split_clip import ceiling_behind

__all__ = ["BoundsToRelus", "CeilingsBehindRelus"]


@dataclass(frozen=True)
class CeilingsBehindRelus(NodePass):
    """Relu(Min(x, c)) -> Min(Relu(x), c) for c > 0."""

    name: ClassVar[str] = "ceilings-behind-relus"
    ops: ClassVar[tuple[str, ...]] = ("Relu",)

    def match(self, graph: Graph, node: Node) -> Node | Skip | None:
        """The Min in front of the ReLU."""
        ceiling = graph.producer(node.inputs[0])
        if ceiling is None or ceiling.op != "Min" or len(ceiling.inputs) != 2:
            return None
        if graph.sole_user(ceiling.outputs[0]) is not node:
            return Skip(f"the minimum '{ceiling.name}' has other users")
        bounds = [v for t in ceiling.inputs if (v := graph.value(t)) is not None]
        return ceiling if len(bounds) == 1 and (bounds[0] > 0).all() else Skip("its ceiling is no positive constant")

    def rewrite(self, graph: Graph, node: Node, match: Node) -> None:
        """Swap the two."""
        first, second = match.inputs
        source, bound = (first, second) if graph.value(second) is not None else (second, first)
        relu = graph.add("Relu", [source], name=f"{node.name}_below")
        graph.bypass(node, graph.add("Min", [relu, bound], name=match.name))
        graph.prune(match.outputs)


@dataclass(frozen=True)
class BoundsToRelus(NodePass):
    """Max(x, y), Min(x, y), Clip(x, a, b) -> Relu between linear ops."""

    name: ClassVar[str] = "bounds-to-relus"
    ops: ClassVar[tuple[str, ...]] = ("Max", "Min", "Clip")
    max_rounds: ClassVar[int] = 1000  # one per input of the longest Max

    def match(self, graph: Graph, node: Node) -> bool | Skip:
        """Refuses integers, bounds that are computed or in the wrong order, and a ReLU's own ceiling."""
        kind = node.outputs[0].dtype
        if kind is None or np.dtype(kind).kind != "f":
            return Skip("it bounds no activations")
        if node.op == "Clip":
            plain = clip_obstacle(graph, node)
            return Skip("its neuron takes it as it is") if plain is None else _settled(graph, node) or Skip(plain)
        bounds = [v for t in node.inputs if (v := graph.value(t)) is not None]
        if not all(np.isfinite(v).all() for v in bounds):
            return Skip("its bound is not finite")
        relu = next((p for t in node.inputs if (p := graph.producer(t)) is not None and p.op == "Relu"), None)
        ceiling = ceiling_behind(graph, relu) if node.op == "Min" and relu is not None else None
        if ceiling is not None and ceiling[0] is node and (bounds[0] > 0).all():
            return Skip("it is the ceiling of a ReLU")
        user = graph.sole_user(node.outputs[0])
        if (
            user is not None
            and user.op == "Relu"
            and not isinstance(CeilingsBehindRelus().match(graph, user), Skip | None)
        ):
            return Skip("it becomes one")
        return True

    def rewrite(self, graph: Graph, node: Node, _match: bool) -> None:
        """Put a Relu between two sums in its place."""
        if node.op == "Clip":
            result = _unclipped(graph, node)
        else:
            result, *others = node.inputs
            for other in others:
                result = _bounded(graph, node, result, other)
        if result is not node.inputs[0]:
            result.shape = node.outputs[0].shape
        graph.bypass(node, result)


def _becomes_ceiling(graph: Graph, relu: Node) -> bool:
    return not isinstance(CeilingsBehindRelus().match(graph, relu), Skip | None)


def _bounded(graph: Graph, node: Node, x: Tensor, y: Tensor) -> Tensor:
    """max(x, y) or min(x, y); a constant is the bound."""
    name = node.name
    if graph.value(x) is not None:
        x, y = y, x
    if node.op == "Max":
        relu = graph.add("Relu", [shifted(graph, x, negated(graph, y, f"{name}_minus"), f"{name}_over")], name=name)
        return shifted(graph, relu, y, f"{name}_bounded")
    relu = graph.add("Relu", [shifted(graph, negated(graph, x, f"{name}_minus"), y, f"{name}_under")], name=name)
    return shifted(graph, negated(graph, relu, f"{name}_back"), y, f"{name}_bounded")


def _settled(graph: Graph, node: Node) -> bool:
    """Whether both bounds are single constants, the lower one below the upper one."""
    low, high = _bounds(graph, node)
    return low is not None and high is not None and low < high


def _bounds(graph: Graph, node: Node) -> tuple[float | None, float | None]:
    """The lower and the upper bound; None for one that is computed."""
    found: list[float | None] = [-np.inf, np.inf]
    for index, tensor in enumerate(node.inputs[1:3]):
        if tensor.name:
            value = graph.value(tensor)
            found[index] = None if value is None or value.size != 1 else float(value.item())
    return found[0], found[1]


def _unclipped(graph: Graph, node: Node) -> Tensor:
    (low, high), source, name, kind = _bounds(graph, node), node.inputs[0], node.name, node.inputs[0].dtype
    assert low is not None
    assert high is not None
    if not np.isfinite(low):
        if not np.isfinite(high):
            return source
        bound = graph.constant(f"{name}_high", np.asarray(high, kind))
        return graph.add("Min", [source, bound], name=name)
    floor, minus = (graph.constant(f"{name}_low", np.asarray(v, kind)) for v in (low, -low))
    inputs = [shifted(graph, source, minus, f"{name}_over"), graph.constant(f"{name}_zero", np.asarray(0, kind))]
    if np.isfinite(high):
        inputs.append(graph.constant(f"{name}_span", np.asarray(high - low, kind)))
    return shifted(graph, graph.add("Clip", inputs, name=name), floor, f"{name}_bounded")
