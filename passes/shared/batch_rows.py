# SPDX-License-Identifier: Apache-2.0
"""Batch axes with stacked time steps, which have more rows than the input."""

from __future__ import annotations

import numpy as np

from snncc.analysis.batch_axis import batch_axes
from snncc.analysis.time_axis import stacked
from snncc.errors import PassError
from snncc.ir.graph import Graph, Node, Shape, Tensor
from snncc.ir.op_sets import BROADCASTING
from snncc.ops.arrays import Array

__all__ = ["free_rows", "repeat_constants", "tiled"]


def free_rows(graph: Graph) -> None:
    """Remove assumptions that stacked steps have as many rows as the network's input."""
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
    """Remove the fixed length of the batch axis from the target of a Reshape.

    If the batch size is open, a fixed axis is not the batch axis if another one is inferred.
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


def _row(graph: Graph, node: Node, target: Array, sizes: Shape, index: int, axis: int) -> int:
    """One size in the target of a Reshape whose batch axis becomes open: an inferred size must then be known."""
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


def repeat_constants(graph: Graph, steps: int) -> int:
    """Repeat constants that have one row per sample of a fixed batch, where they meet stacked steps."""
    over_time, axes = stacked(graph), batch_axes(graph)
    repeated: dict[int, Tensor] = {}
    for node in graph.nodes(*(*BROADCASTING, "Concat")):
        axis = axes.get(id(node.outputs[0])) or 0
        rank = len(graph.shape(node.outputs[0]) or ())
        for index, tensor in enumerate(node.inputs):
            value = graph.value(tensor)
            if id(node.outputs[0]) not in over_time or value is None:
                continue
            if value.ndim == rank > axis and value.shape[axis] > 1:  # a single number has no rows
                if id(tensor) not in repeated:
                    repeated[id(tensor)] = tiled(graph, tensor, steps, axis)
                node.inputs[index] = repeated[id(tensor)]
    return len(repeated)


def tiled(graph: Graph, tensor: Tensor, steps: int, axis: int) -> Tensor:
    """`tensor` repeated once per step, along the batch axis."""
    shape = graph.shape(tensor) or ()
    each = [steps if a == axis else 1 for a in range(len(shape))]
    repeats = graph.constant(f"{tensor.name}_steps", np.array(each, np.int64))
    tile = graph.add("Tile", [tensor, repeats], name=f"{tensor.name}_repeated", role="repeat")
    tile.shape = [None if a == axis else d for a, d in enumerate(shape)]
    return tile
