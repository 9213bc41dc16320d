# SPDX-License-Identifier: Apache-2.0
"""Relu(x) -> λ Relu(x/λ): gives every activation site the threshold 1 (one_spike.txt, eq. 2).

A ReLU is positively homogeneous, so that the function is unchanged. lift-scales and sink-scales then fold the two Muls
into the synapses on both sides. An upper bound after the ReLU is scaled as well: Min(λ r, c) = λ Min(r, c/λ).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from snncc.analysis.activation_sites import NEURONS, ceiling_behind, neuron_output
from snncc.ir.graph import Graph, Node
from snncc.ops.arrays import Array
from snncc.passes.base import NodePass, Skip
from snncc.passes.shared.scaling import insert_factor

__all__ = ["InsertScales"]


@dataclass(frozen=True)
class InsertScales(NodePass):
    """Relu(x) -> λ Relu(x/λ); `scales` maps the output of each ReLU to its λ > 0, which broadcasts to the tensor."""

    name: ClassVar[str] = "insert-scales"
    ops: ClassVar[tuple[str, ...]] = NEURONS
    scales: Mapping[str, Array] = field(repr=False)

    def match(self, graph: Graph, node: Node) -> Array | Skip:
        """λ of this ReLU."""
        scale = self.scales.get(neuron_output(graph, node).name)
        return Skip("calibration has no scale for it") if scale is None else scale.astype(np.float64)

    def rewrite(self, graph: Graph, node: Node, match: Array) -> None:
        """Insert a Mul on both sides, and scale the upper bound."""
        node.inputs[0] = insert_factor(graph, node.inputs[0], 1.0 / match, f"{node.name}_normalise", "factor")
        ceiling = ceiling_behind(graph, node)
        if ceiling:
            bound = graph.value(ceiling[1]) / match
            node_min = ceiling[0]
            with np.errstate(over="ignore"):  # of half precision: an upper bound that high is none
                constant = graph.constant(f"{node.name}_ceiling", bound.astype(graph.element_type()))
            node_min.inputs = [node.outputs[0], constant]
        last = ceiling[0].outputs[0] if ceiling else node.outputs[0]
        scaled = insert_factor(graph, last, match, f"{node.name}_rescale", "factor")
        graph.replace_uses(last, scaled, keep=[graph.producer(scaled)])
