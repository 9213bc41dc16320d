# SPDX-License-Identifier: Apache-2.0
"""Relu(x) -> neuron(x): replace every ReLU by a spiking neuron of the chosen coding.

An upper bound after the ReLU (ReLU6) is removed if the largest value that the neuron can send is not above it, as for
the scale of a one-spike neuron; otherwise it is moved before the neuron, to the potential.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from snncc.analysis.activation_sites import NEURONS, activation_nodes, ceiling_behind, is_signed, neuron_output
from snncc.analysis.convertibility import unsupported_clip
from snncc.coding import Coding
from snncc.coding.scales import LayerSettings
from snncc.errors import PostconditionError, PreconditionError
from snncc.ir.graph import Graph, Node
from snncc.ops.arrays import Array
from snncc.passes.base import NodePass

__all__ = ["LowerRelu"]


_ROUNDING = 1e-6  # of scales and upper bounds in float32


@dataclass(frozen=True)
class LowerRelu(NodePass):
    """Relu(x) -> neuron(x); `scales` gives each neuron's own scale, 1 where it has been folded into the weights.

    `choices` are what layers have for themselves, by the name of the ReLU.
    """

    name: ClassVar[str] = "lower-relu"
    ops: ClassVar[tuple[str, ...]] = NEURONS
    coding: Coding
    scales: Mapping[str, Array] = field(default_factory=dict, repr=False)
    choices: Mapping[str, LayerSettings] = field(default_factory=dict, repr=False)

    def requires(self, graph: Graph) -> None:
        """Require that split-clip has run."""
        if left := [n for n in graph.nodes("Clip") if unsupported_clip(graph, n) is None]:
            raise PreconditionError(f"Clip '{left[0].name}' must be split before ReLUs are lowered")

    def match(self, graph: Graph, node: Node) -> Array | None:
        """The neuron's scale."""
        if node.op != "Relu" and not is_signed(node):
            return None
        return self.scales.get(neuron_output(graph, node).name, np.ones(1))

    def rewrite(self, graph: Graph, node: Node, match: Array) -> None:
        """Replace the Relu, and its upper bound if any, by the neuron."""
        ceiling = ceiling_behind(graph, node)
        coding = self.coding.of_layer(self.choices.get(node.name, LayerSettings()))
        potential = node.inputs[0]
        given = graph.value(ceiling[1]) if ceiling else None
        bound = None if given is None else given.astype(np.float64)
        if ceiling and bound is not None and coding.slices > 1 and not coding.rows_are_estimates:
            match = np.minimum(match, bound / coding.largest)  # the potential of a single step has no upper bound
        elif ceiling and bound is not None and (coding.largest * match > bound * (1 + _ROUNDING)).any():
            potential = graph.add("Min", [potential, ceiling[1]], name=f"{node.name}_ceiling")
        add = coding.signed_neuron if is_signed(node) else coding.neuron
        spikes = add(graph, potential, match, f"{node.name}_neuron")
        graph.set_role(spikes, "neuron")
        if ceiling:
            graph.bypass(ceiling[0], spikes)
        graph.bypass(node, spikes)

    def ensures(self, graph: Graph) -> None:
        """No Relu is left."""
        if left := activation_nodes(graph):
            raise PostconditionError(f"{left[0].op} '{left[0].name}' did not become a neuron")
