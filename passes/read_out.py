# SPDX-License-Identifier: Apache-2.0
"""x -> Readout(x): what the last synapses build up over time becomes the network's output.

Rate codes read the mean over all steps, or with `anytime` the mean after every step, [T, N, …]; of slices the last one
holds everything. A Softmax or its like at the end comes behind the readout.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from snncc.batch_axis import batch_axes
from snncc.coding import Coding
from snncc.coding.base import add_op
from snncc.errors import PassError
from snncc.graph import Graph, Node, Tensor
from snncc.obstacles import leads_out
from snncc.passes.base import Pass
from snncc.passes.timeline import stacked
from snncc.vocabulary import MOVES, TAIL

__all__ = ["ReadOut", "in_front_of_readout"]

_ENDINGS = ("_readout", "_so_far", "_stack")  # of the names of the nodes that this pass adds


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
        for output in graph.outputs:
            tensor = _potential(graph, output)
            if id(tensor) in over_time and id(tensor) not in done:
                done[id(tensor)] = self._read(graph, tensor)
        if self.anytime:
            for output in graph.outputs:
                self._stack(graph, output)
        return len(done)

    def _read(self, graph: Graph, tensor: Tensor) -> Tensor:
        steps = self.coding.slices
        rows, shape = _rows(graph), graph.shape(tensor)
        if self.anytime:
            read = add_op(graph, "RunningTotal", [tensor], {"steps": steps, "mean": 1}, f"{tensor.name}_so_far")
        elif self.coding.readout == "mean":
            read = add_op(graph, "Readout", [tensor], {"steps": steps}, f"{tensor.name}_readout")
        else:
            read = _last_slice(graph, tensor, steps)
        within = [u for u in graph.users(tensor) if not (u.op in (*TAIL, *MOVES) and leads_out(graph, u))]
        graph.replace_uses(tensor, read, keep=[graph.producer(read), *within])
        read.shape = None if shape is None else [None if self.anytime else rows, *shape[1:]]
        for node in _behind(graph, read):
            out = node.outputs[0]
            out.shape = [None if self.anytime else rows, *out.shape[1:]] if out.shape else out.shape
        return read

    def _stack(self, graph: Graph, output: Tensor) -> None:
        """[T N, …] -> [T, N, …]."""
        steps = graph.constant(f"{output.name}_steps", np.array([self.coding.slices, -1], np.int64))
        rest = graph.add("Shape", [output], name=f"{output.name}_sample", attrs={"start": 1})
        rest.dtype, rest.shape = np.dtype(np.int64), None
        target = graph.add("Concat", [steps, rest], name=f"{output.name}_stack_shape", attrs={"axis": 0})
        stack = graph.add("Reshape", [output, target], name=f"{output.name}_stack")
        keep = [graph.producer(stack), graph.producer(rest)]
        shape = None if output.shape is None else [self.coding.slices, None, *output.shape[1:]]
        graph.replace_uses(output, stack, keep=keep)
        stack.shape = shape


def in_front_of_readout(graph: Graph, tensor: Tensor) -> Tensor:
    """The potential, step by step, that `tensor` is read from; `tensor` itself if it is no readout."""
    node = graph.producer(tensor)
    if node is None or not node.name.endswith(_ENDINGS):
        return tensor
    return in_front_of_readout(graph, node.inputs[0])


def _rows(graph: Graph) -> int | str | None:
    return (graph.shape(graph.inputs[0]) or (None,))[0]


def _potential(graph: Graph, output: Tensor) -> Tensor:
    """What the last synapses, or neurons, give: in front of Softmax and its like."""
    potential = tensor = output
    while (node := graph.producer(tensor)) is not None and node.op in (*TAIL, *MOVES):
        tensor = node.inputs[0]
        potential = tensor if node.op in TAIL else potential
    return potential


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
    """The last of `slices` slices."""
    name = f"{tensor.name}_readout"
    first = graph.add("Split", [tensor], name=name, attrs={"axis": 0, "num_outputs": slices}, unused_outputs=slices - 1)
    node = graph.producer(first)
    assert node is not None
    for index in range(1, slices):
        graph.use_output(node, index, tensor.dtype, None).name = graph.fresh(f"{name}_{index}")
    last: Tensor = node.outputs[-1]
    return last
