# SPDX-License-Identifier: Apache-2.0
"""Where the channels of a tensor lie."""

from __future__ import annotations

from typing import Any

import numpy.typing as npt

from snncc.graph import Graph, Node, Tensor

__all__ = ["channel_axis", "spread"]


def channel_axis(graph: Graph, tensor: Tensor) -> int | None:
    """Axis 1 behind convolutions, the last behind matrix products, wherever Transposes have moved it.

    None in rank 2, where each neuron is a channel of its own, and where the length of that axis is open.
    """
    shape = graph.shape(tensor) or ()
    if len(shape) < 3:
        return None
    axis = _followed(graph, tensor, len(shape))
    return axis if isinstance(shape[axis], int) else None


def _followed(graph: Graph, tensor: Tensor, rank: int) -> int:
    node = graph.producer(tensor)
    if node is None or node.op in ("Conv", "ConvTranspose"):
        return 1
    if node.op == "MatMul" and graph.value(node.inputs[0]) is not None:
        return rank - 2
    if node.op in ("MatMul", "Gemm"):
        return rank - 1
    source = next((t for t in node.inputs if graph.producer(t) is not None), None)
    if node.op in ("Squeeze", "Unsqueeze") and source is not None:
        return _past_unit_axes(graph, node, source, rank)
    if source is None or len(graph.shape(source) or ()) != rank:
        return 1
    axis = _followed(graph, source, rank)
    if node.op == "Transpose":
        axis = list(node.attrs.get("perm", reversed(range(rank)))).index(axis)
    return axis


def _past_unit_axes(graph: Graph, node: Node, source: Tensor, rank: int) -> int:
    """The axis behind a Squeeze or Unsqueeze; 1 where that takes the channels' own axis away."""
    axes = graph.value(node.inputs[1]) if len(node.inputs) > 1 else None
    before = len(graph.shape(source) or ())
    if axes is None or not before:
        return 1
    gone = {int(a) % max(before, rank) for a in axes}
    places = [a for a in range(max(before, rank)) if a not in gone]  # where the axes that stay lie in the longer shape
    axis = _followed(graph, source, before)
    if node.op == "Squeeze":
        return places.index(axis) if axis in places else 1
    return places[axis]


def spread(values: npt.NDArray[Any], axis: int | None, rank: int) -> npt.NDArray[Any]:
    """Values per channel, (channels,), in a shape that broadcasts to a tensor of this rank; of no axis, one value."""
    return values.reshape(1) if axis is None else values.reshape(-1, *(1,) * (rank - 1 - axis))
