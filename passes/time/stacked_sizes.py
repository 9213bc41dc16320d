# SPDX-License-Identifier: Apache-2.0
"""Shape(x) -> Shape(x) / [steps, 1, …]; Reshape(x, s) -> Reshape(x, s [steps, 1, …]), for a computed s and stacked x.

Computations with sizes then use those of samples, as in the ReLU network.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from snncc.analysis.batch_axis import batch_axes
from snncc.analysis.time_axis import stacked
from snncc.errors import UnsupportedShapeError
from snncc.ir.graph import Graph, Node
from snncc.passes.base import Pass

__all__ = ["StackedSizes"]


@dataclass(frozen=True)
class StackedSizes(Pass):
    """Convert sizes of tensors with `steps` stacked time steps to sizes per sample, and back where they are used."""

    name: ClassVar[str] = "stacked-sizes"
    steps: int

    def run(self, graph: Graph) -> int:
        """Edit every Shape, Size and Reshape of stacked tensors."""
        if self.steps == 1:
            return 0
        over_time, axes = stacked(graph), batch_axes(graph)
        done = 0
        for node in graph.nodes("Shape", "Size", "Reshape"):
            if id(node.inputs[0]) not in over_time or graph.has_role(node, "readout"):
                continue  # a readout measures all steps
            if node.op == "Reshape":
                done += self._stack(graph, node, axes.get(id(node.outputs[0])) or 0)
            else:
                done += self._unstack(graph, node, axes.get(id(node.inputs[0])) or 0)
        return done

    def _unstack(self, graph: Graph, node: Node, axis: int) -> bool:
        """Divide a measured size; a part of a shape without the batch is unchanged."""
        each = np.array(self.steps, np.int64)
        if node.op == "Shape":
            rank = _rank(graph, node)
            each = self._factors(rank, axis)[node.attrs.get("start", 0) : node.attrs.get("end", rank)]
        if (each == 1).all() or any(graph.has_role(u, "unstack") for u in graph.users(node.outputs[0])):
            return False
        size = node.outputs[0]
        count = graph.constant(f"{node.name}_steps", each)
        samples = graph.add("Div", [size, count], name=f"{node.name}_unstacked")
        graph.set_role(samples, "unstack")
        graph.replace_uses(size, samples, keep=[graph.producer(samples)])
        return True

    def _stack(self, graph: Graph, node: Node, axis: int) -> bool:
        """Multiply a computed target; -1, an inferred size, is unchanged."""
        target = node.inputs[1]
        bound = graph.producer(target)
        rows = graph.producer(bound.inputs[0]) if bound is not None and bound.op == "Max" else None
        if graph.value(target) is not None or graph.has_role(rows, "stack"):
            return False
        length = (graph.shape(target) or (None,))[0]
        rank = length if isinstance(length, int) else len(graph.shape(node.outputs[0]) or ())
        if not rank:
            raise UnsupportedShapeError(f"the rank of Reshape '{node.name}' is not known. Export the model with shapes")
        factors = graph.constant(f"{node.name}_steps", self._factors(rank, axis))
        rows = graph.add("Mul", [target, factors], name=f"{node.name}_stacked")
        graph.set_role(rows, "stack")
        inferred = graph.constant(f"{node.name}_inferred", np.array([-1], np.int64))
        node.inputs[1] = graph.add("Max", [rows, inferred], name=f"{node.name}_target")
        return True

    def _factors(self, rank: int, axis: int) -> np.ndarray:
        return np.where(np.arange(rank) == axis, self.steps, 1).astype(np.int64)


def _rank(graph: Graph, node: Node) -> int:
    shape = graph.shape(node.inputs[0])
    if shape is None:
        raise UnsupportedShapeError(f"the rank of '{node.inputs[0].name}' is not known. Export the model with shapes")
    return len(shape)
