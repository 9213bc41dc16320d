# SPDX-License-Identifier: Apache-2.0
"""x -> Readout(x): what the last synapses build up over time becomes the network's output.

Rate codes read the mean over all steps, or with `anytime` the mean after every step, [T, N, …]; of slices the last one
holds everything. A Softmax or its like, or a mask, at the end comes behind the readout.
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

__all__ = ["ReadOut", "in_front_of_readout", "read"]


@dataclass(frozen=True)
class ReadOut(Pass):
    """x -> Readout(x) for every output that comes in steps."""

    name: ClassVar[str] = "read-out"
    coding: Coding
    anytime: bool = False

    def run(self, graph: Graph) -> int:
        """Put a readout in front of each output, and of the Softmax or its like before it."""
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
        if self.anytime and is_integer(tensor):  # it is worked out of running means, at every step
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


def read(graph: Graph, coding: Coding, tensor: Tensor) -> Tensor:
    """What all time steps of `tensor` give, or the last slice; of integers, which are no sums, the last step's."""
    shape = graph.shape(tensor)
    if coding.readout == "mean" and not is_integer(tensor):
        result = add_op(graph, "Readout", [tensor], {"steps": coding.slices}, f"{tensor.name}_readout")
    else:
        result = _last_slice(graph, tensor, coding.slices)
    graph.set_role(result, "readout", graph.of_tensor(tensor))
    result.shape = None if shape is None else [None, *shape[1:]]
    return result


def in_front_of_readout(graph: Graph, tensor: Tensor) -> Tensor:
    """The potential, step by step, that `tensor` is read from; `tensor` itself if it is no readout."""
    node = graph.producer(tensor)
    if node is None or not graph.has_role(node, "readout"):
        return tensor
    return in_front_of_readout(graph, node.inputs[0])


def _take_once(graph: Graph, tensor: Tensor) -> None:
    """Tile(x) -> x beside what is read out, if `tensor` is what is the same at every step."""
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


def _last_slice(graph: Graph, tensor: Tensor, slices: int) -> Tensor:
    """The last of `slices` slices; how many rows it has is computed, since equal parts of no samples cannot be cut."""
    name, number = f"{tensor.name}_readout", np.dtype(np.int64)
    rows = graph.add("Shape", [tensor], name=f"{name}_rows", attrs={"start": 0, "end": 1}, role="readout")
    rows.dtype, rows.shape = number, (1,)
    count = graph.constant(f"{name}_slices", np.array([slices], np.int64))
    each = graph.add("Div", [rows, count], name=f"{name}_each")
    before = graph.add("Sub", [rows, each], name=f"{name}_before")
    sizes = graph.add("Concat", [before, each], name=f"{name}_sizes", attrs={"axis": 0})
    sizes.shape = (2,)
    first = graph.add("Split", [tensor, sizes], name=name, attrs={"axis": 0}, unused_outputs=1)
    first.shape = None
    node = graph.producer(first)
    assert node is not None
    last = graph.use_output(node, 1, tensor.dtype, None)
    last.name = graph.fresh(f"{name}_last")
    return last
