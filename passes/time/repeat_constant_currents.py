# SPDX-License-Identifier: Apache-2.0
"""f(x, y) -> f(Tile(x), y): repeat a constant current where it meets values with a time axis.

Tensors that depend on the network's input alone are the same at every step, so that their synapses run once. Where such
a tensor is the input of a neuron that runs over time, or is added to the output of such neurons, it is repeated once
per step.
"""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass, field
from typing import ClassVar

from snncc.analysis.batch_axis import batch_axes
from snncc.analysis.time_axis import READERS, active, begins_steps, stacked
from snncc.errors import PassError
from snncc.ir.graph import Graph, Node, Tensor
from snncc.ops import DOMAIN, get
from snncc.passes.base import Pass
from snncc.passes.shared.batch_rows import free_rows, repeat_constants, tiled

__all__ = ["RepeatConstantCurrents"]


@dataclass(frozen=True)
class RepeatConstantCurrents(Pass):
    """f(x, y) -> f(Tile(x), y) where y has `steps` stacked steps and x has not.

    `rows` names what has rows for each sample although it does not depend on any input's values.
    """

    name: ClassVar[str] = "repeat-currents"
    steps: int
    rows: Set[str] = field(default_factory=frozenset, repr=False, compare=False)

    def run(self, graph: Graph) -> int:
        """Repeat every constant current once, shared by its users; then reset the inferred row counts."""
        if self.steps == 1:
            return 0
        constants = repeat_constants(graph, self.steps)
        over_time, driven, axes = stacked(graph), active(graph), batch_axes(graph)
        repeated: dict[int, Tensor] = {}
        for node in graph.nodes():
            if not self._takes_steps(graph, node, over_time):
                continue
            for tensor in node.inputs[:1] if begins_steps(node) or node.op in READERS else list(node.inputs):
                if id(tensor) in over_time or graph.shape(tensor) == ():
                    continue
                if id(tensor) in driven or self._has_rows(graph, node, tensor):
                    if id(tensor) not in repeated:
                        repeated[id(tensor)] = self._repeat(graph, tensor, axes.get(id(tensor)) or 0)
                    node.inputs = [repeated[id(tensor)] if t is tensor else t for t in node.inputs]
        free_rows(graph)
        return constants + len(repeated)

    def _takes_steps(self, graph: Graph, node: Node, over_time: set[int]) -> bool:
        if node.domain == DOMAIN and get(node.op).adds_slices:
            return False
        return begins_steps(node) or node.op in READERS or any(id(t) in over_time for t in graph.reads(node))

    def _has_rows(self, graph: Graph, node: Node, tensor: Tensor) -> bool:
        """Whether `tensor`, which does not depend on input values, has rows that `node` combines with
        rows of samples.
        """
        return tensor.name in self.rows and len(graph.shape(tensor) or ()) == len(graph.shape(node.outputs[0]) or ())

    def _repeat(self, graph: Graph, tensor: Tensor, axis: int) -> Tensor:
        if not graph.shape(tensor):
            maker = graph.producer(tensor)
            what = f"{maker.op} '{maker.name}'" if maker is not None else f"input '{tensor.name}'"
            raise PassError(f"how many axes {what} gives is not known. Export the model with fixed shapes")
        return tiled(graph, tensor, self.steps, axis)
