# SPDX-License-Identifier: Apache-2.0
"""Masks: sums with a constant that pushes some values out of the way, to -inf or very far down.

At the end of a network a mask stays behind what is read out, as a Softmax does; in front of a Softmax elsewhere it is
part of the analog island.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from snncc.graph import Graph, Node, Tensor
from snncc.obstacles import leads_out
from snncc.vocabulary import MOVES, TAIL

__all__ = ["ends", "in_front_of", "is_mask", "may_be_infinite", "potential_of"]

_OUT_OF_THE_WAY = 1e4  # no potential is as large: the usual constants are 1e4, 65504, 1e9, 3.4e38 and infinity


def mask_of(graph: Graph, node: Node) -> npt.NDArray[Any] | None:
    """The constant of a mask; None if `node` is none."""
    values = [v for t in node.inputs if (v := graph.value(t)) is not None]
    if node.op != "Add" or len(values) != 1 or values[0].dtype.kind != "f":
        return None
    return values[0] if (np.abs(values[0]) >= _OUT_OF_THE_WAY).any() else None


def is_mask(graph: Graph, node: Node) -> bool:
    """Whether `node` adds a constant that is infinite, or as good as that, somewhere."""
    return mask_of(graph, node) is not None


def in_front_of(graph: Graph, node: Node) -> Tensor:
    """What a Softmax or its like, a move or a mask is given."""
    first = node.inputs[0]
    return node.inputs[1] if is_mask(graph, node) and graph.value(first) is not None else first


def ends(graph: Graph, node: Node) -> bool:
    """Whether `node` and all that follows it are moves, Casts, masks, and Softmax or its like at the network's end."""
    if node.op in TAIL:
        return leads_out(graph, node)
    following = [u for out in node.outputs for u in graph.users(out)]
    return (node.op in (*MOVES, "Cast") or is_mask(graph, node)) and all(ends(graph, u) for u in following)


def potential_of(graph: Graph, output: Tensor) -> Tensor:
    """What the last synapses, or neurons, give: in front of Softmax and its like, and of masks."""
    potential = tensor = output
    while (node := graph.producer(tensor)) is not None and ends(graph, node):
        tensor = in_front_of(graph, node)
        potential = potential if node.op in MOVES else tensor
    return potential


def may_be_infinite(graph: Graph, node: Node) -> bool:
    """Whether the infinities of a mask do no harm: all that follows ends there, or is a Softmax that makes them 0."""
    value = mask_of(graph, node)
    if value is None or np.isnan(value).any():
        return False
    return ends(graph, node) or (not np.isposinf(value).any() and _into_softmax(graph, node.outputs[0]))


def _into_softmax(graph: Graph, tensor: Tensor) -> bool:
    users = graph.users(tensor)
    return (
        bool(users)
        and not graph.is_output(tensor)
        and all(u.op == "Softmax" or (u.op in MOVES and _into_softmax(graph, u.outputs[0])) for u in users)
    )
