# SPDX-License-Identifier: Apache-2.0
"""Which tensors hold time steps stacked on the batch axis, and which depend on the input alone.

Steps begin at a neuron of an op that runs over time, or at an encoder of slices; they end at a Readout.
"""

from __future__ import annotations

import numpy as np

from snncc.batch_axis import batch_axes
from snncc.errors import PassError
from snncc.graph import Graph, Node, Tensor
from snncc.ops import DOMAIN, get

__all__ = ["READERS", "active", "begins_steps", "free_rows", "spread_steps", "stacked"]

READERS = ("Readout",)  # what takes steps and gives one value
_SHAPES = ("Shape", "Size")


def begins_steps(node: Node) -> bool:
    """Whether what `node` gives is stacked, whatever it is given."""
    return node.domain == DOMAIN and bool(get(node.op).stacks)


def stacked(graph: Graph) -> set[int]:
    """The ids of the tensors that hold stacked steps."""
    found: set[int] = set()
    for node in graph.nodes():
        if node.op in READERS:
            continue
        if begins_steps(node) or (node.op not in _SHAPES and any(id(t) in found for t in node.inputs)):
            found.update(id(t) for t in node.outputs)
    return found


def spread_steps(graph: Graph, tensor: Tensor, found: set[int]) -> None:
    """Add to `found`, the ids of stacked tensors, what is stacked because of a new `tensor`."""
    maker = graph.producer(tensor)
    pending = [maker] if maker is not None else []
    while pending:
        node = pending.pop()
        if node.op in READERS or id(node.outputs[0]) in found:
            continue
        if begins_steps(node) or (node.op not in _SHAPES and any(id(t) in found for t in node.inputs)):
            found.update(id(t) for t in node.outputs)
            pending += [user for out in node.outputs for user in graph.users(out)]


def active(graph: Graph) -> set[int]:
    """The ids of the tensors that depend on the values of the network's inputs."""
    found = {id(t) for t in graph.inputs}
    for node in graph.nodes():
        if node.op not in _SHAPES and any(id(t) in found for t in node.inputs):
            found.update(id(t) for t in node.outputs)
    return found


def free_rows(graph: Graph) -> None:
    """Nobody may count on stacked steps having as many rows as the network's input has."""
    over_time, axes = stacked(graph), batch_axes(graph)
    for node in graph.nodes():
        if id(node.outputs[0]) in over_time:
            for out in node.outputs:
                if out.shape:
                    at = axes.get(id(out)) or 0
                    out.shape = [None if i == at else d for i, d in enumerate(out.shape)]
            if node.op == "Reshape":
                _free_target(graph, node, axes.get(id(node.outputs[0])) or 0)


def _free_target(graph: Graph, node: Node, axis: int) -> None:
    """A Reshape must not fix the length of the batch's axis."""
    target = graph.value(node.inputs[1])
    if target is not None and target.size > axis and target[axis] > 0:
        if (target == -1).any():
            raise PassError(
                f"Reshape '{node.name}' fixes the batch at {target[axis]}. Export with a dynamic batch axis"
            )
        free = np.where(np.arange(target.size) == axis, -1, target).astype(np.int64)
        node.inputs[1] = graph.constant(f"{node.name}_shape", free)
