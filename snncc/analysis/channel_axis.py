# SPDX-License-Identifier: Apache-2.0
"""Find the channel axis of a tensor."""

from __future__ import annotations

import numpy as np

from snncc.ir.graph import Graph, Node, Tensor
from snncc.ir.op_sets import SYNAPSES
from snncc.ops.arrays import Array

__all__ = ["broadcast_channels", "channel_axis"]


def channel_axis(graph: Graph, tensor: Tensor, known: dict[int, int] | None = None) -> int | None:
    """The channel axis: 1 after convolutions, the last after matrix products, look-ups and LayerNormalization,
    tracked through Transposes, and through Reshapes where it is the last.

    None in rank 2, where each neuron is a channel of its own, and where the length of that axis is open. `known` holds
    what has been found for tensors of the same graph, by id, and takes more.
    """
    shape = graph.shape(tensor) or ()
    if len(shape) < 3:
        return None
    axis = _followed(graph, tensor, {} if known is None else known)
    return axis if isinstance(shape[axis], int) else None


def _followed(graph: Graph, tensor: Tensor, known: dict[int, int]) -> int:
    way: list[tuple[Tensor, Node, Tensor]] = []
    while id(tensor) not in known:
        node = graph.producer(tensor)
        source = None if node is None else next((t for t in node.inputs if graph.producer(t) is not None), None)
        if node is None or source is None or not _leads_on(graph, tensor, node, source):
            known[id(tensor)] = _begins_at(graph, node, len(graph.shape(tensor) or ()))
        else:
            way.append((tensor, node, source))
            tensor = source
    axis = known[id(tensor)]
    for tensor, node, source in reversed(way):
        axis = known[id(tensor)] = _moved(graph, node, source, axis)
    return axis


def _leads_on(graph: Graph, tensor: Tensor, node: Node, source: Tensor) -> bool:
    """Whether the channels of `tensor` are those of `source`, an input of `node`."""
    if node.op in SYNAPSES or _names_last(graph, node):
        return False
    if node.op == "Reshape":
        return True
    before = len(graph.shape(source) or ())
    if node.op in ("Squeeze", "Unsqueeze"):
        return bool(before) and len(node.inputs) > 1 and graph.value(node.inputs[1]) is not None
    return before == len(graph.shape(tensor) or ())


def _begins_at(graph: Graph, node: Node | None, rank: int) -> int:
    """The channel axis of the output of `node` if its channels are new."""
    if node is not None and node.op in ("MatMul", "Gemm"):
        return rank - 1 - (node.op == "MatMul" and graph.value(node.inputs[0]) is not None)
    if node is not None and _names_last(graph, node):
        return rank - 1
    return 1


def _names_last(graph: Graph, node: Node) -> bool:
    """Whether the last axis of the output holds new channels: rows of a table, or what is normalised."""
    if node.op == "Gather":
        return graph.value(node.inputs[0]) is not None
    return bool(node.op == "LayerNormalization" and node.attrs.get("axis", -1) == -1)


def _moved(graph: Graph, node: Node, source: Tensor, axis: int) -> int:
    """The position of an axis after `node`; 1 if a Squeeze removes it."""
    before, rank = (len(graph.shape(t) or ()) for t in (source, node.outputs[0]))
    if node.op == "Transpose":
        return list(node.attrs.get("perm", reversed(range(rank)))).index(axis)
    if node.op == "Reshape" and before != rank:
        return rank - 1 if axis == before - 1 else 1
    if node.op not in ("Squeeze", "Unsqueeze"):
        return axis
    longer = max(before, rank)
    gone = {int(a) % longer for a in np.ravel(np.asarray(graph.value(node.inputs[1])))}
    places = [a for a in range(longer) if a not in gone]  # positions of the remaining axes in the longer shape
    if node.op == "Squeeze":
        return places.index(axis) if axis in places else 1
    return places[axis]


def broadcast_channels(values: Array, axis: int | None, rank: int) -> Array:
    """Values per channel, (channels,), reshaped to broadcast to a tensor of this rank; a single value if there is no
    channel axis.
    """
    return values.reshape(1) if axis is None else values.reshape(-1, *(1,) * (rank - 1 - axis))
