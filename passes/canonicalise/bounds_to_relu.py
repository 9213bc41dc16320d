# SPDX-License-Identifier: Apache-2.0
"""Rewrite bounds as sums of ReLUs, so that they become neurons between linear ops.

With m the value within [a, b] that is nearest to 0:

    Clip(x, a, b) = m + Min(Relu(x - m), b - m) - Min(Relu(m - x), m - a)
                  = x + Relu(a - x) - Relu(x - b)                                         where the form `keeps` values
    Max(x, y) = y + Relu(x - y) = x + Relu(y - x)        Min(x, y) = y - Relu(y - x) = x - Relu(x - y)

The first form codes the bounded values, with an error in proportion to them. The second one codes nothing but what lies
outside of the bounds: neurons of a bound that is never reached do not fire. A Min or Max has one bound of the two, and
only that part of the sum. A ReLU with an upper bound, Clip(x, 0, b) or Min(Relu(x), b), is left for the neuron.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from snncc.analysis.integer_inputs import integer_tensors
from snncc.analysis.intervals import BOUNDS, Interval, as_tensor, bounded_pair, interval_of, is_ceiling, widens
from snncc.coding.bound_forms import BoundForm, Forms
from snncc.ir.graph import Graph, Node, Tensor
from snncc.ops.arrays import Array
from snncc.passes.base import Pass
from snncc.passes.canonicalise.remove_redundant_relu import is_rectified

__all__ = ["BoundsToRelu", "free_bounds"]


@dataclass(frozen=True)
class BoundsToRelu(Pass):
    """Max, Min, Clip -> Relu between linear ops; `forms` maps nodes to their form, unless it is the first one."""

    name: ClassVar[str] = "bounds-to-relus"
    forms: Forms = field(default_factory=dict)

    def run(self, graph: Graph) -> int:
        """Rewrite each bound of floating-point activations."""
        found = free_bounds(graph)
        for node, interval in found:
            form = self.forms.get(node.name, BoundForm())
            result = _compared(graph, node, form) if interval is None else _bounded(graph, node, interval, form)
            if interval is None or result is not interval.source:
                result.shape = node.outputs[0].shape
            graph.bypass(node, result)
        graph.cleanup()
        return len(found)


def free_bounds(graph: Graph) -> list[tuple[Node, Interval | None]]:
    """The bounds that are not the upper bound of a ReLU, with the interval; None for a Max or Min of
    two activations.
    """
    beside = integer_tensors(graph)
    found: list[tuple[Node, Interval | None]] = []
    taken: set[int] = set()
    for node in reversed(graph.nodes(*BOUNDS)):
        if id(node) in taken or id(node.outputs[0]) in beside or is_ceiling(graph, node):
            continue
        interval = interval_of(graph, node)
        if interval is not None:
            taken.update(id(n) for n in interval.nodes)
        if interval is not None or bounded_pair(graph, node) is not None:
            found.append((node, interval))
    return found


def _compared(graph: Graph, node: Node, form: BoundForm) -> Tensor:
    """Max or Min of two activations."""
    first, second = node.inputs
    kept, other = (first, second) if form.keeps else (second, first)
    shape, up = node.outputs[0].shape, node.op == "Max"
    names = [f"{node.name}_{part}" for part in ("minus", "over", "back", "bounded")]
    more, less = (other, kept) if up else (kept, other)
    excess = graph.add("Relu", [_sum(graph, more, _times(graph, less, -1, names[0]), names[1], shape)], name=node.name)
    return _sum(graph, kept, excess if up else _times(graph, excess, -1, names[2]), names[3], shape)


def _bounded(graph: Graph, node: Node, interval: Interval, form: BoundForm) -> Tensor:
    """The bounded value."""
    kept = interval.without(low=form.no_low, high=form.no_high)
    return _kept(graph, node, kept) if form.keeps else _coded(graph, node, kept)


def _coded(graph: Graph, node: Node, found: Interval) -> Tensor:
    """m + Min(Relu(x - m), b - m) - Min(Relu(m - x), m - a)."""
    name, kind, shape = node.name, node.outputs[0].dtype, node.outputs[0].shape
    middle = np.broadcast_to(found.middle, np.broadcast_shapes(found.low.shape, found.high.shape))
    above, below = found.high - middle, middle - found.low
    source = found.source
    if is_rectified(graph, source):
        below = np.where(middle == 0, 0, below)
    if middle.any() or widens(graph, found):
        source = _sum(graph, source, as_tensor(graph, f"{name}_minus", -middle, kind), f"{name}_centred", shape)
    parts = []
    if above.any():
        parts.append(_part(graph, source, above, 1, f"{name}_above"))
    if below.any():
        parts.append(_times(graph, _part(graph, source, below, -1, f"{name}_below"), -1, f"{name}_back"))
    if not parts:
        parts.append(_times(graph, source, 0, f"{name}_none"))
    if middle.any():
        parts.append(as_tensor(graph, f"{name}_middle", middle, kind))
    return parts[0] if len(parts) == 1 else _total(graph, parts, f"{name}_bounded", shape)


def _part(graph: Graph, source: Tensor, ceiling: Array, sign: int, name: str) -> Tensor:
    """Min(Relu(sign x), upper bound); where the upper bound is 0, that is 0, and the neuron gets nothing."""
    alive = ceiling > 0
    factor = np.where(alive, sign, 0)
    if (factor != 1).any():
        source = _times(graph, source, sign if alive.all() else factor, f"{name}_input")
    relu = graph.add("Relu", [source], name=name)
    if not np.isfinite(ceiling).any():
        return relu
    bound = as_tensor(graph, f"{name}_ceiling", np.where(alive, ceiling, 1.0), source.dtype)
    return graph.add("Min", [relu, bound], name=f"{name}_min")


def _kept(graph: Graph, node: Node, found: Interval) -> Tensor:
    """x + Relu(a - x) - Relu(x - b)."""
    name, shape = node.name, node.outputs[0].shape
    parts = [found.source]
    if np.isfinite(found.low).any():
        parts.append(_outside(graph, found.source, found.low, -1, f"{name}_under", shape))
    if np.isfinite(found.high).any():
        over = _outside(graph, found.source, found.high, 1, f"{name}_over", shape)
        parts.append(_times(graph, over, -1, f"{name}_back"))
    return parts[0] if len(parts) == 1 else _total(graph, parts, f"{name}_bounded", shape)


def _outside(graph: Graph, source: Tensor, bound: Array, sign: int, name: str, shape: Any) -> Tensor:
    """Relu(sign (x - bound)): by how much x exceeds a bound; 0 for an infinite bound."""
    real = np.isfinite(bound)
    factor = sign if real.all() else np.where(real, sign, 0)
    if not (real.all() and sign == 1):
        source = _times(graph, source, factor, f"{name}_input")
    shift = as_tensor(graph, f"{name}_shift", np.where(real, -sign * np.where(real, bound, 0), -1.0), source.dtype)
    return graph.add("Relu", [_sum(graph, source, shift, f"{name}_by", shape)], name=name)


def _times(graph: Graph, tensor: Tensor, factor: npt.ArrayLike, name: str) -> Tensor:
    return graph.add("Mul", [tensor, graph.constant(f"{name}_factor", np.asarray(factor, tensor.dtype))], name=name)


def _sum(graph: Graph, first: Tensor, second: Tensor, name: str, shape: Any) -> Tensor:
    total = graph.add("Add", [first, second], name=name)
    total.shape = shape
    return total


def _total(graph: Graph, parts: list[Tensor], name: str, shape: Any) -> Tensor:
    total, *others = parts
    for other in others:
        total = _sum(graph, total, other, name, shape)
    return total
