# SPDX-License-Identifier: Apache-2.0
"""Where the channels of a tensor lie."""

from __future__ import annotations

from typing import Any

import numpy.typing as npt

from snncc.graph import Graph, Node, Tensor

__all__ = ["channel_axis", "spread"]


def channel_axis(graph: Graph, tensor: Tensor) -> int | None:
    """Axis 1 behind convolutions, the last behind matrix products; None in rank 2, where each neuron is its own."""
    rank = len(graph.shape(tensor) or ())
    if rank < 3:
        return None
    node: Node | None = graph.producer(tensor)
    while node is not None and node.op not in ("MatMul", "Conv", "ConvTranspose", "Gemm"):
        node = next((graph.producer(t) for t in node.inputs if graph.producer(t) is not None), None)
    return rank - 1 if node is not None and node.op == "MatMul" else 1


def spread(values: npt.NDArray[Any], axis: int, rank: int) -> npt.NDArray[Any]:
    """Values per channel, (channels,), in a shape that broadcasts to a tensor of this rank."""
    return values.reshape(-1, *(1,) * (rank - 1 - axis))
