# SPDX-License-Identifier: Apache-2.0
"""f(x, y) -> f(Tile(x), y): a constant current meets what comes step by step.

What depends on the network's input alone is the same at every step, so its synapses run once; where it enters a neuron
that runs over time, or is added to what such neurons send, it is repeated, once per step.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from snncc.batch_axis import batch_axes
from snncc.errors import PassError
from snncc.graph import Graph, Node, Tensor
from snncc.passes.base import Pass
from snncc.passes.timeline import READERS, active, begins_steps, free_rows, stacked

__all__ = ["RepeatCurrents"]


@dataclass(frozen=True)
class RepeatCurrents(Pass):
    """f(x, y) -> f(Tile(x), y) where y holds `steps` steps and x does not."""

    name: ClassVar[str] = "repeat-currents"
    steps: int

    def run(self, graph: Graph) -> int:
        """Repeat every constant current once, however many read it; then no row count is known any more."""
        if self.steps == 1:
            return 0
        over_time, driven, axes = stacked(graph), active(graph), batch_axes(graph)
        repeated: dict[int, Tensor] = {}
        for node in graph.nodes():
            if not self._takes_steps(node, over_time):
                continue
            for tensor in node.inputs[:1] if begins_steps(node) or node.op in READERS else list(node.inputs):
                if id(tensor) in driven and id(tensor) not in over_time and graph.shape(tensor) != ():
                    if id(tensor) not in repeated:
                        repeated[id(tensor)] = self._repeat(graph, tensor, axes.get(id(tensor)) or 0)
                    node.inputs = [repeated[id(tensor)] if t is tensor else t for t in node.inputs]
        free_rows(graph)
        return len(repeated)

    def _takes_steps(self, node: Node, over_time: set[int]) -> bool:
        if node.op == "PhaseEncoder":  # makes the slices itself
            return False
        return begins_steps(node) or node.op in READERS or any(id(t) in over_time for t in node.inputs)

    def _repeat(self, graph: Graph, tensor: Tensor, axis: int) -> Tensor:
        shape = graph.shape(tensor)
        if not shape:
            maker = graph.producer(tensor)
            what = f"{maker.op} '{maker.name}'" if maker is not None else f"input '{tensor.name}'"
            raise PassError(f"how many axes {what} gives is not known. Export the model with fixed shapes")
        each = [self.steps if a == axis else 1 for a in range(len(shape))]
        repeats = graph.constant(f"{tensor.name}_steps", np.array(each, np.int64))
        tile = graph.add("Tile", [tensor, repeats], name=f"{tensor.name}_repeated")
        tile.shape = [None if a == axis else d for a, d in enumerate(shape)]
        return tile
