# SPDX-License-Identifier: Apache-2.0
"""f(x) -> FSNeuron(x): replace Sigmoid, Tanh, SiLU, GELU and others by few-spikes neurons with their own tables.

SiLU and HardSwish are also recognised in the form that exporters write: x Sigmoid(x), x HardSigmoid(x).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from snncc.analysis.activations import ACTIVATIONS, Found, match_activation
from snncc.coding import Coding
from snncc.ir.graph import Graph, Node
from snncc.passes.base import NodePass, Skip

__all__ = ["LowerActivations"]


@dataclass(frozen=True)
class LowerActivations(NodePass):
    """f(x) -> FSNeuron(x); `extents` maps the node that computes f to the value range (lowest, highest) of x."""

    name: ClassVar[str] = "lower-activations"
    ops: ClassVar[tuple[str, ...]] = ACTIVATIONS
    coding: Coding
    extents: Mapping[str, tuple[float, float]] = field(repr=False)

    def match(self, graph: Graph, node: Node) -> Found | Skip:
        """The activation that `node` computes or is part of."""
        found = match_activation(graph, node)
        if found is None:
            return Skip("there are no tables for it")
        return found if node.name in self.extents else Skip("calibration has not seen its input")

    def rewrite(self, graph: Graph, node: Node, match: Found) -> None:
        """Replace the whole activation by the neuron."""
        kind, source, last = match
        read = list(last.inputs)
        spikes = self.coding.activation(graph, kind, source, self.extents[node.name], f"{node.name}_neuron")
        graph.set_role(spikes, "neuron")
        graph.bypass(last, spikes)
        graph.prune(read)
