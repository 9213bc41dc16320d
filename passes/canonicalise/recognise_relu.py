# SPDX-License-Identifier: Apache-2.0
"""Rewrite the equivalents of ReLU that exporters write as Relu and PRelu.

Max(x, 0), Clip(x, 0), ThresholdedRelu(x; 0), Where(x > 0, x, 0), x Cast(x > 0)     -> Relu(x)
Where(x > 0, x, a x)                                                                -> PRelu(x, a)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from snncc.analysis.convertibility import unsupported_clip
from snncc.ir.graph import Graph, Node, Tensor
from snncc.ops.arrays import Array
from snncc.passes.base import NodePass, Skip

__all__ = ["RecogniseRelu"]

_ABOVE = {"Greater": True, "GreaterOrEqual": True, "Less": False, "LessOrEqual": False}
Found = tuple[Tensor, Array | None, bool]  # x, the slope below 0 (None: a Relu), whether x counts as -x


@dataclass(frozen=True)
class RecogniseRelu(NodePass):
    """Max(x, 0), Where(x > 0, x, a x) and similar -> Relu(x) or PRelu(x, a)."""

    name: ClassVar[str] = "recognise-relus"
    ops: ClassVar[tuple[str, ...]] = ("Max", "Clip", "Where", "ThresholdedRelu", "Mul")

    def match(self, graph: Graph, node: Node) -> Found | Skip | None:
        """x, the slope for negative x, and whether the result is mirrored: min(x, 0) = -max(-x, 0)."""
        kind = node.outputs[0].dtype
        if kind is None or np.dtype(kind).kind != "f":
            return None
        match node.op:
            case "Max":
                return _of_maximum(graph, node)
            case "Mul":
                return _of_product(graph, node)
            case "Where":
                return _of_choice(graph, node)
            case "Clip":
                bounds = [graph.value(t) for t in node.inputs[2:] if t.name]
                bounded = any(b is None or not np.isposinf(b).all() for b in bounds)
                plain = unsupported_clip(graph, node) is None and not bounded
                return (node.inputs[0], None, False) if plain else Skip("its bounds are others than 0")
            case _:
                plain = node.attrs.get("alpha", 1.0) == 0
                return (node.inputs[0], None, False) if plain else Skip("its threshold is not 0")

    def rewrite(self, graph: Graph, node: Node, match: Found) -> None:
        """Replace the subgraph by one op."""
        source, slope, mirrored = match
        kind, read = source.dtype, list(node.inputs)
        minus = graph.constant(f"{node.name}_sign", np.asarray(-1, kind)) if mirrored else None
        if minus is not None:
            source = graph.add("Mul", [source, minus], name=f"{node.name}_mirrored")
        if slope is None:
            result = graph.add("Relu", [source], name=node.name)
        else:
            slopes = graph.constant(f"{node.name}_slope", np.asarray(slope, kind))
            result = graph.add("PRelu", [source, slopes], name=node.name)
        if minus is not None:
            result = graph.add("Mul", [result, minus], name=f"{node.name}_back")
        graph.bypass(node, result)
        graph.prune(read)


def _of_maximum(graph: Graph, node: Node) -> Found | Skip:
    values = [graph.value(t) for t in node.inputs]
    if len(values) == 2 and (values[0] is None) != (values[1] is None):
        source, bound = node.inputs if values[1] is not None else reversed(node.inputs)
        value = graph.value(bound)
        if value is not None and not value.any() and value.ndim <= len(graph.shape(source) or ()):
            return source, None, False
    return Skip("it is no maximum with 0")


def _of_product(graph: Graph, node: Node) -> Found | None:
    for source, other in (node.inputs, list(reversed(node.inputs))):
        cast = graph.producer(other)
        if cast is not None and cast.op == "Cast" and _positive(graph, cast.inputs[0], source) is True:
            return source, None, False
    return None


def _of_choice(graph: Graph, node: Node) -> Found | Skip:
    condition, *branches = node.inputs
    for index, source in enumerate(branches):
        above = _positive(graph, condition, source)
        if above is None or graph.value(source) is not None:
            continue
        mirrored = above is not (index == 0)  # x is chosen where it is negative
        slope = _slope(graph, branches[1 - index], source)
        if slope is not None and (not mirrored or not slope.any()):
            return source, slope if slope.any() else None, mirrored
    return Skip("it is no choice between x above 0 and a x below")


def _positive(graph: Graph, condition: Tensor, source: Tensor) -> bool | None:
    """Whether `condition` is x > 0 (True) or x < 0 (False) for this x; None if it is something else."""
    node = graph.producer(condition)
    if node is None:
        return None
    if node.op == "Not":
        inner = _positive(graph, node.inputs[0], source)
        return None if inner is None else not inner
    if node.op not in _ABOVE or not any(t is source for t in node.inputs):
        return None
    first, second = node.inputs
    zero = graph.value(second if first is source else first)
    if zero is None or zero.any():
        return None
    return _ABOVE[node.op] is (first is source)


def _slope(graph: Graph, tensor: Tensor, source: Tensor) -> Array | None:
    """a if `tensor` is a x; 0 is one, too."""
    value = graph.value(tensor)
    if value is not None:
        return None if value.any() else np.zeros(1)
    node = graph.producer(tensor)
    if node is None or node.op != "Mul" or not any(t is source for t in node.inputs):
        return None
    factor = graph.value(node.inputs[1] if node.inputs[0] is source else node.inputs[0])
    return factor if factor is not None and factor.ndim <= len(graph.shape(source) or ()) else None
