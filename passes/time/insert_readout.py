# SPDX-License-Identifier: Apache-2.0
"""x -> Readout(x): read the outputs from the potentials that the last synapses accumulate over time.

Rate codes read the mean over all steps, or with `anytime` the mean after every step, [T, N, …]; with slices the last
one is complete. A final Softmax or similar op, or mask, is applied after the readout.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from snncc.analysis.batch_axis import batch_axes
from snncc.analysis.integer_inputs import is_integer
from snncc.analysis.masks import ends, potentials_of
from snncc.analysis.time_axis import stacked
from snncc.coding import Coding
from snncc.coding.base import add_op
from snncc.errors import PassError
from snncc.ir.graph import Graph, Node, Tensor
from snncc.passes.base import Pass
from snncc.passes.shared.readouts import read

__all__ = ["InsertReadout"]


@dataclass(frozen=True)
class InsertReadout(Pass):
    """x -> Readout(x) for every output that is computed step by step."""

    name: ClassVar[str] = "read-out"
    coding: Coding
    anytime: bool = False

    def run(self, graph: Graph) -> int:
        """Insert a readout before each output, and before a preceding Softmax or similar op."""
        if self.coding.slices == 1:
            return 0
        over_time, axes = stacked(graph), batch_axes(graph)
        if odd := [t for t in graph.outputs if id(t) in over_time and axes.get(id(t))]:
            message = f"output '{odd[0].name}' has the batch on axis {axes[id(odd[0])]}, and time steps take axis 0"
            raise PassError(f"{message}. Export it with the batch first, or convert with --coding fs or phase")
        done: dict[int, Tensor] = {}
        for tensor in (t for output in graph.outputs for t in potentials_of(graph, output)):
            if id(tensor) in over_time and id(tensor) not in done:
                done[id(tensor)] = self._read(graph, tensor)
            elif not self.anytime:
                _take_once(graph, tensor)
        if self.anytime:
            for output in graph.outputs:
                if graph.value(output) is None:  # a constant has no steps
                    self._stack(graph, output)
        return len(done)

    def _read(self, graph: Graph, tensor: Tensor) -> Tensor:
        if self.anytime and (self.coding.rows_are_estimates or is_integer(tensor)):  # of running means, at every step
            return tensor
        if self.anytime:
            attrs = {"steps": self.coding.slices, "mean": 1}
            result = add_op(graph, "RunningTotal", [tensor], attrs, f"{tensor.name}_so_far")
            result.shape = None if tensor.shape is None else [None, *tensor.shape[1:]]
        else:
            result = read(graph, self.coding, tensor)
        graph.set_role(result, "readout", graph.of_tensor(tensor))
        shape = result.shape
        within = [u for u in graph.users(tensor) if not ends(graph, u)]
        graph.replace_uses(tensor, result, keep=[graph.producer(result), *within])
        result.shape = shape
        for node in _behind(graph, result):
            out = node.outputs[0]
            out.shape = [None, *out.shape[1:]] if out.shape else out.shape
        return result

    def _stack(self, graph: Graph, output: Tensor) -> None:
        """[T N, …] -> [T, N, …]."""
        steps = graph.constant(f"{output.name}_steps", np.array([self.coding.slices, -1], np.int64))
        rest = graph.add("Shape", [output], name=f"{output.name}_sample", attrs={"start": 1})
        rest.dtype, rest.shape = np.dtype(np.int64), None
        target = graph.add("Concat", [steps, rest], name=f"{output.name}_stack_shape", attrs={"axis": 0})
        stack = graph.add("Reshape", [output, target], name=f"{output.name}_stack", role="readout")
        keep = [graph.producer(stack), graph.producer(rest)]
        shape = None if output.shape is None else [self.coding.slices, None, *output.shape[1:]]
        graph.replace_uses(output, stack, keep=keep)
        stack.shape = shape


def _take_once(graph: Graph, tensor: Tensor) -> None:
    """Replace Tile(x), a tensor that is equal at every step, by x next to tensors that are read out."""
    node = graph.producer(tensor)
    if node is not None and graph.has_role(node, "repeat"):
        within = [u for u in graph.users(tensor) if not ends(graph, u)]
        graph.replace_uses(tensor, node.inputs[0], keep=within)


def _behind(graph: Graph, tensor: Tensor) -> list[Node]:
    found: dict[int, Node] = {}
    pending = [tensor]
    while pending:
        for node in graph.users(pending.pop()):
            if id(node) not in found:
                found[id(node)] = node
                pending += node.outputs
    return list(found.values())
