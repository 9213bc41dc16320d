# SPDX-License-Identifier: Apache-2.0
"""Which tensors hold time steps stacked on the batch axis, and which depend on the input alone.

Steps begin at a neuron of an op that runs over time, or at an encoder of slices; they end at a Readout.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from snncc.analysis.batch_axis import batch_axes
from snncc.errors import PassError
from snncc.ir.graph import Graph, Node, Shape, Tensor
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
        if node.op in READERS or _cuts(node):
            continue
        if begins_steps(node) or (node.op not in _SHAPES and any(id(t) in found for t in graph.reads(node))):
            found.update(id(t) for t in node.outputs)
    return found


def _cuts(node: Node) -> bool:
    """Whether `node` takes the last of some slices."""
    return bool(node.op == "Split" and node.attrs.get("axis", 0) == 0)


def spread_steps(graph: Graph, tensor: Tensor, found: set[int]) -> None:
    """Add to `found`, the ids of stacked tensors, what is stacked because of a new `tensor`."""
    maker = graph.producer(tensor)
    pending = [maker] if maker is not None else []
    while pending:
        node = pending.pop()
        if node.op in READERS or _cuts(node) or id(node.outputs[0]) in found:
            continue
        if begins_steps(node) or (node.op not in _SHAPES and any(id(t) in found for t in graph.reads(node))):
            found.update(id(t) for t in node.outputs)
            pending += [user for out in node.outputs for user in graph.users(out)]


def active(graph: Graph) -> set[int]:
    """The ids of the tensors that depend on the values of the network's inputs."""
    found = {id(t) for t in graph.inputs}
    for node in graph.nodes():
        if node.op not in _SHAPES and any(id(t) in found for t in graph.reads(node)):
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
    """A Reshape must not fix the length of the axis that the rows are on.

    Where the network takes any number of samples, a fixed axis is none of theirs if another one is inferred.
    """
    target = graph.value(node.inputs[1])
    if target is None or target.size <= axis or target[axis] <= 0:
        return
    any_number = not any(isinstance(d, int) for t in graph.inputs for d in (graph.shape(t) or ())[:1])
    if any_number and (target == -1).any():
        return
    sizes = graph.shape(node.outputs[0]) or (None,) * target.size
    free = [_row(graph, node, target, sizes, i, axis) for i in range(target.size)]
    node.inputs[1] = graph.constant(f"{node.name}_shape", np.array(free, np.int64))


def _row(graph: Graph, node: Node, target: npt.NDArray[Any], sizes: Shape, index: int, axis: int) -> int:
    """A length among those of a Reshape whose rows are open: what was inferred there must be known then."""
    if index == axis:
        return -1
    if target[index] != -1:
        return int(target[index])
    size = sizes[index]
    if isinstance(size, int):
        return size
    rows = (graph.shape(node.inputs[0]) or (None,))[0]
    what = f"Reshape '{node.name}' makes {target[axis]} rows of its input, and the length of axis {index} is not fixed"
    given = f", where rows are time steps of samples (its input has {rows})" if isinstance(rows, int) else ""
    raise PassError(f"{what}{given}. Convert with --coding fs or phase, or export with a dynamic batch axis")
