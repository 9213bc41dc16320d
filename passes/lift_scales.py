# SPDX-License-Identifier: Apache-2.0
"""k · synapse(x) -> synapse'(x): carries constant factors up, against the flow, into the weights that can take them.

Through Add both summands take the factor; through pools and Sub it just passes (max is kept by factors > 0 only).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from snncc.graph import Graph, Node, Tensor
from snncc.passes.base import NodePass, Skip
from snncc.passes.fold_batchnorm import scale_batchnorm
from snncc.passes.scale import channel_vector, constant_factor, insert_factor
from snncc.passes.synapse import SYNAPSES, synapse

__all__ = ["LiftScales"]

Array = npt.NDArray[Any]
_SUMS = ("Add", "Sum", "Sub")
_POOLS = ("MaxPool", "AveragePool", "GlobalAveragePool")


@dataclass(frozen=True)
class LiftScales(NodePass):
    """Mul(op(x), k) -> op'(x), or op(Mul(x, k)) where op has no weights."""

    name: ClassVar[str] = "lift-scales"
    ops: ClassVar[tuple[str, ...]] = ("Mul",)
    max_rounds: ClassVar[int] = 1000

    def match(self, graph: Graph, node: Node) -> tuple[Tensor, Array] | Skip | None:
        """The factor and the tensor whose producer takes it."""
        found = constant_factor(graph, node)
        if found is None:
            return None
        source, factor = found
        producer = graph.producer(source)
        if producer is None or graph.sole_user(source) is not node:
            return Skip(f"'{source.name}' has other users or no producer")
        return (
            found if _takes(graph, producer, factor) else Skip(f"{producer.op} '{producer.name}' takes no such factor")
        )

    def rewrite(self, graph: Graph, node: Node, match: tuple[Tensor, Array]) -> None:
        """Hand the factor to the producer and take the Mul out."""
        source, factor = match
        producer = graph.producer(source)
        assert producer is not None
        if producer.op in SYNAPSES:
            target = synapse(graph, producer)
            assert not isinstance(target, Skip)
            vector = channel_vector(factor, target.channel_axis)
            assert vector is not None
            target.scale_output(vector)
        elif producer.op == "BatchNormalization":
            scale_batchnorm(graph, producer, output=channel_vector(factor, 1))
        else:
            for index, tensor in enumerate(producer.inputs):
                if producer.op in _SUMS or index == 0:
                    producer.inputs[index] = _scaled(graph, tensor, factor, f"{node.name}_lifted")
        graph.bypass(node, source)


def _takes(graph: Graph, producer: Node, factor: Array) -> bool:
    if producer.op in SYNAPSES:
        target = synapse(graph, producer)
        return not isinstance(target, Skip) and channel_vector(factor, target.channel_axis) is not None
    if producer.op == "BatchNormalization":
        return channel_vector(factor, 1) is not None
    if producer.op in _POOLS:
        positive = producer.op != "MaxPool" or bool((factor > 0).all())
        return positive and len(producer.outputs) == 1 and channel_vector(factor, 1) is not None
    return producer.op in _SUMS


def _scaled(graph: Graph, tensor: Tensor, factor: Array, name: str) -> Tensor:
    value = graph.value(tensor)
    if value is not None:
        return graph.constant(tensor.name, (value * factor).astype(value.dtype))
    return insert_factor(graph, tensor, np.asarray(factor), name)
