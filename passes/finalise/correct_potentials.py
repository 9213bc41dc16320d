# SPDX-License-Identifier: Apache-2.0
"""x -> g (x + c): correct each channel's membrane potential by a gain and an offset.

c is propagated backwards through sums into the first synapse whose bias can apply it, Conv(x; W, b) + c -> Conv(x; W, b
+ c); if there is none, it stays an Add. g is inserted as a Mul, which lift-scales then folds into the weights.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from snncc.analysis.time_axis import in_front_of_readout
from snncc.coding.scales import PotentialCorrection
from snncc.ir.graph import Graph, Tensor
from snncc.ir.op_sets import SHAPE_OPS, SYNAPSES
from snncc.ops.arrays import Array
from snncc.passes.base import Pass, Skip
from snncc.passes.shared.scaling import channel_vector, constant_factor, insert_factor
from snncc.passes.shared.synapse import Synapse, synapse

__all__ = ["CorrectPotentials"]


@dataclass(frozen=True)
class CorrectPotentials(Pass):
    """x -> gain * (x + offset); `corrections` maps the tensor x to both."""

    name: ClassVar[str] = "correct-potentials"
    corrections: Mapping[str, PotentialCorrection] = field(repr=False)

    def run(self, graph: Graph) -> int:
        """Correct every potential named."""
        tensors = {t.name: t for n in graph.nodes() for t in n.outputs}
        found = [(tensors[name], c) for name, c in self.corrections.items() if name in tensors]
        for output, correction in found:
            potential = in_front_of_readout(graph, output)
            corrected = _shifted(graph, potential, correction.offset)
            if (correction.gain != 1).any():
                scaled = insert_factor(graph, corrected, correction.gain, f"{potential.name}_gain", "factor")
                graph.replace_uses(corrected, scaled, keep=[graph.producer(scaled)])
        return len(found)


def _shifted(graph: Graph, potential: Tensor, offset: Array) -> Tensor:
    """The potential with `offset` added."""
    target = _taker(graph, potential, offset)
    if target is not None:
        synapse, share = target
        synapse.scale_output(np.ones(1), share.reshape(-1))
        return potential
    constant = graph.constant(f"{potential.name}_missing", offset.astype(graph.element_type()))
    total = graph.add("Add", [potential, constant], name=f"{potential.name}_corrected")
    graph.replace_uses(potential, total, keep=[graph.producer(total)])
    return total


def _taker(graph: Graph, potential: Tensor, offset: Array) -> tuple[Synapse, Array] | None:
    """The synapse whose bias can apply the correction of `potential`, and the potential before any factor."""
    pending = [(potential, offset)]
    while pending:
        tensor, offset = pending.pop()
        producer, shape = graph.producer(tensor), graph.shape(tensor)
        users = [u for u in graph.users(tensor) if u.op not in SHAPE_OPS]
        if producer is None or not shape or len(users) + graph.is_output(tensor) != 1:
            continue
        if producer.op == "MatMul" and tensor is potential:
            continue  # its bias would be an Add after it, which a gain on `potential` would not reach
        if producer.op in SYNAPSES:
            found = synapse(graph, producer)
            if not isinstance(found, Skip) and _takes(found, offset, len(shape)):
                return found, offset
        elif (scaled := constant_factor(graph, producer)) is not None and (scaled[1] != 0).all():
            pending.append((scaled[0], offset / (scaled[1][0] if scaled[1].ndim > 1 else scaled[1])))
        elif producer.op == "Add":  # the first summand that can, unless it is broadcast
            pending += [(t, offset) for t in reversed(producer.inputs) if graph.shape(t) == shape]
    return None


def _takes(found: Synapse, offset: Array, rank: int) -> bool:
    """Whether `offset` is one number, or one for each output channel."""
    padded = offset.reshape((1,) * (rank - offset.ndim) + offset.shape)
    return offset.size in (1, found.outputs) and channel_vector(padded, found.channel_axis) is not None
