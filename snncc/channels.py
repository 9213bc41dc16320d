# SPDX-License-Identifier: Apache-2.0
"""Where the channels of a tensor lie."""

from __future__ import annotations

from typing import Any

import numpy.typing as npt

from snncc.graph import Graph, Tensor

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
    if source is None or len(graph.shape(source) or ()) != rank:
        return 1
    axis = _followed(graph, source, rank)
    if node.op == "Transpose":
        axis = list(node.attrs.get("perm", reversed(range(rank)))).index(axis)
    return axis


def spread(values: npt.NDArray[Any], axis: int | None, rank: int) -> npt.NDArray[Any]:
    """Values per channel, (channels,), in a shape that broadcasts to a tensor of this rank; of no axis, one value."""
    return values.reshape(1) if axis is None else values.reshape(-1, *(1,) * (rank - 1 - axis))
