# SPDX-License-Identifier: Apache-2.0
"""Recognise masks: sums with a constant that makes some values -inf or very small.

At the end of a network a mask is applied after the readout, like a Softmax; before a Softmax elsewhere it is part of
the analog op.
"""

from __future__ import annotations

import numpy as np

from snncc.analysis.convertibility import feeds_outputs_only
from snncc.ir.graph import Graph, Node, Tensor
from snncc.ir.op_sets import MOVES, TAIL
from snncc.ops.arrays import Array

__all__ = ["ends", "in_front_of", "is_mask", "may_be_infinite", "potentials_of"]

_OUT_OF_THE_WAY = 1e4  # no potential is as large: the usual constants are 1e4, 65504, 1e9, 3.4e38 and infinity


def mask_of(graph: Graph, node: Node) -> Array | None:
    """The constant of a mask; None if `node` is not a mask."""
    values = [v for t in node.inputs if (v := graph.value(t)) is not None]
    if node.op != "Add" or len(values) != 1 or values[0].dtype.kind != "f":
        return None
    return values[0] if (np.abs(values[0]) >= _OUT_OF_THE_WAY).any() else None


def is_mask(graph: Graph, node: Node) -> bool:
    """Whether `node` adds a constant with infinite or very large elements."""
    return mask_of(graph, node) is not None


def in_front_of(graph: Graph, node: Node) -> Tensor:
    """The input of a Softmax or similar op, a shape-only op or a mask."""
    first = node.inputs[0]
    return node.inputs[1] if is_mask(graph, node) and graph.value(first) is not None else first


def ends(graph: Graph, node: Node) -> bool:
    """Whether only shape-only ops, Casts, masks, and a final Softmax or similar op follow `node`, itself included."""
    if node.op in TAIL:
        return feeds_outputs_only(graph, node)
    following = [u for out in node.outputs for u in graph.users(out)]
    return (node.op in (*MOVES, "Cast") or is_mask(graph, node)) and all(ends(graph, u) for u in following)


def potentials_of(graph: Graph, output: Tensor) -> list[Tensor]:
    """The outputs of the last synapses or neurons, before a Softmax or similar op and before masks.

    Parts that end in different ways are separate where a Concat puts them side by side.
    """
    return _in_front_of_ends(graph, output) or [output]


def _in_front_of_ends(graph: Graph, tensor: Tensor) -> list[Tensor]:
    """The inputs of a Softmax or similar op, or of masks, before `tensor`, and their other inputs; [] without any."""
    node = graph.producer(tensor)
    if node is None or not ends(graph, node):
        return []
    if node.op not in MOVES:
        source = in_front_of(graph, node)
        return _in_front_of_ends(graph, source) or [source]
    parts = [t for t in node.inputs if graph.value(t) is None] if node.op == "Concat" else node.inputs[:1]
    found = [_in_front_of_ends(graph, t) for t in parts]
    return [t for part, made in zip(parts, found, strict=True) for t in made or [part]] if any(found) else []


def may_be_infinite(graph: Graph, node: Node) -> bool:
    """Whether infinities of a mask are harmless: everything after it ends the network, or is a Softmax that maps them
    to 0.
    """
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
