# SPDX-License-Identifier: Apache-2.0
"""synapse(x, W) -> synapse(x, s round(W/s)): round weights to the values of 8-bit integers.

Each output channel has its own s, as in quantise-weights, which stores the rounded weights as integers. Later scaling
of whole channels does not change these integers, so that potentials can be matched with the rounding in place.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from snncc.ir.graph import Graph, Node
from snncc.ir.op_sets import SYNAPSES
from snncc.passes.base import NodePass, Skip
from snncc.passes.shared.synapse import LARGEST, Synapse, synapse

__all__ = ["RoundWeights"]


@dataclass(frozen=True)
class RoundWeights(NodePass):
    """Weights of synapses -> multiples of a step, one for each output channel."""

    name: ClassVar[str] = "round-weights"
    ops: ClassVar[tuple[str, ...]] = SYNAPSES

    def match(self, graph: Graph, node: Node) -> Synapse | Skip:
        """The synapse, if its weights are constant."""
        return synapse(graph, node)

    def rewrite(self, _graph: Graph, _node: Node, match: Synapse) -> None:
        """Round."""
        match.round(LARGEST)
