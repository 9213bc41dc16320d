# SPDX-License-Identifier: Apache-2.0
"""k · synapse(x) -> synapse'(x): hoist constant factors towards the input, into the weights of synapses.

At sums, the factor is propagated to every summand; pools pass it on (max only for factors > 0).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import ClassVar

import numpy as np

from snncc.ir.graph import Graph, Node, Tensor
from snncc.ir.op_sets import WINDOW_POOLS
from snncc.ops.arrays import Array
from snncc.passes.base import NodePass, Skip
from snncc.passes.shared.scaling import channel_vector, constant_factor, fold_factor, insert_factor

__all__ = ["HoistScales"]

Action = Callable[[], None]

_SUMS = ("Add", "Sum", "Sub")


@dataclass(frozen=True)
class HoistScales(NodePass):
    """Mul(op(x), k) -> op'(x), or op(Mul(x, k)) where op has no weights."""

    name: ClassVar[str] = "lift-scales"
    ops: ClassVar[tuple[str, ...]] = ("Mul",)
    max_rounds: ClassVar[int] = 1000

    def match(self, graph: Graph, node: Node) -> tuple[Tensor, Action] | Skip | None:
        """The input of the Mul, and how its producer can apply the factor."""
        found = constant_factor(graph, node)
        if found is None:
            return None
        source, factor = found
        producer = graph.producer(source)
        if producer is None or graph.sole_user(source) is not node:
            return Skip(f"'{source.name}' has other users or no producer")
        action = fold_factor(graph, producer, factor, "output") or _passage(graph, producer, factor)
        return (source, action) if action else Skip(f"{producer.op} '{producer.name}' takes no such factor")

    def rewrite(self, graph: Graph, node: Node, match: tuple[Tensor, Action]) -> None:
        """Apply the factor in the producer and remove the Mul."""
        source, action = match
        action()
        graph.bypass(node, source)


def _passage(graph: Graph, producer: Node, factor: Array) -> Action | None:
    """A function that scales the inputs of an op without weights."""
    if producer.op in WINDOW_POOLS:
        positive = "Max" not in producer.op or bool((factor > 0).all())
        passes = positive and len(producer.outputs) == 1 and channel_vector(factor, 1) is not None
        return partial(_scale_inputs, graph, producer, factor, 1) if passes else None
    if producer.op == "Aggregate":
        passes = channel_vector(factor, -1) is not None
        return partial(_scale_inputs, graph, producer, factor, 1) if passes else None
    return partial(_scale_inputs, graph, producer, factor, len(producer.inputs)) if producer.op in _SUMS else None


def _scale_inputs(graph: Graph, node: Node, factor: Array, count: int) -> None:
    for index, tensor in enumerate(list(node.inputs)[:count]):
        value = graph.value(tensor)
        if value is None:
            node.inputs[index] = insert_factor(graph, tensor, factor, f"{node.name}_lifted", "factor")
        else:
            node.inputs[index] = graph.constant(tensor.name, np.asarray(value * factor, value.dtype))
