# SPDX-License-Identifier: Apache-2.0
"""synapse(k · x) -> synapse'(x): carries constant factors down, with the flow, into the weights that can take them.

A factor is handed to each user by itself. Pools, and ops that only move values, pass it on (max is kept by factors > 0
only); Concat passes on what all of its inputs bring; Add passes on what both summands share; two Muls become one. What
nobody takes stays a Mul: an identity synapse. A factor of 1 goes away.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from snncc.graph import Graph, Node, Tensor
from snncc.passes.base import NodePass, Skip
from snncc.passes.fold_batchnorm import scale_batchnorm
from snncc.passes.scale import channel_vector, constant_factor, insert_factor, moved_factor, squeeze_constant_axes
from snncc.passes.synapse import SYNAPSES, synapse

__all__ = ["SinkScales"]

Array = npt.NDArray[Any]
_POOLS = ("MaxPool", "AveragePool", "GlobalAveragePool")
_MOVES = ("Flatten", "Reshape", "Transpose", "Squeeze", "Unsqueeze", "Slice", "Pad")


@dataclass(frozen=True)
class SinkScales(NodePass):
    """op(Mul(x, k)) -> op'(x), or Mul(op(x), k') where op has no weights."""

    name: ClassVar[str] = "sink-scales"
    ops: ClassVar[tuple[str, ...]] = ("Mul",)
    max_rounds: ClassVar[int] = 1000

    def match(self, graph: Graph, node: Node) -> tuple[Tensor, Array, Node | None] | Skip | None:
        """The first user that takes the factor; no user is needed for a factor of 1."""
        found = constant_factor(graph, node)
        if found is None:
            return None
        source, factor = found
        if (factor == 1).all() and not (graph.is_output(node.outputs[0]) and graph.producer(source) is None):
            return source, factor, None
        for user in graph.users(node.outputs[0]):
            if user is not node and _takes(graph, user, node.outputs[0], factor):
                return source, factor, user
        return Skip("no user takes its factor")

    def rewrite(self, graph: Graph, node: Node, match: tuple[Tensor, Array, Node | None]) -> None:
        """Hand the factor to the user; the Mul stays while others read it."""
        source, factor, user = match
        if user is None:
            graph.bypass(node, source)
            return
        _hand_over(graph, user, node.outputs[0], source, factor)
        if not graph.users(node.outputs[0]) and not graph.is_output(node.outputs[0]):
            graph.erase(node)


def _takes(graph: Graph, user: Node, scaled: Tensor, factor: Array) -> bool:
    if user.op == "Concat":
        return user.attrs["axis"] != 0 and all(_joinable(graph, t, user.attrs["axis"]) for t in user.inputs)
    if user.op == "Add":
        pair = [_factor_of(graph, t) for t in user.inputs]
        return all(k is not None and k.shape == factor.shape and (k == factor).all() for k in pair)
    if user.inputs[0] is not scaled or any(t is scaled for t in user.inputs[1:]):
        return user.op == "Mul" and constant_factor(graph, user) is not None
    if user.op in SYNAPSES:
        target = synapse(graph, user)
        return not isinstance(target, Skip) and channel_vector(factor, target.channel_axis) is not None
    if user.op == "BatchNormalization":
        return channel_vector(factor, 1) is not None
    if user.op in _POOLS:
        positive = user.op != "MaxPool" or bool((factor > 0).all())
        return positive and len(user.outputs) == 1 and channel_vector(factor, 1) is not None
    if user.op == "Mul":
        return constant_factor(graph, user) is not None
    if user.op == "ReduceMean":
        return _reduced_factor(graph, user, factor) is not None
    return user.op in _MOVES and moved_factor(graph, user, factor) is not None


def _joinable(graph: Graph, tensor: Tensor, axis: int) -> bool:
    """Whether `tensor` brings a factor, and a known number of channels, to a Concat along `axis`."""
    shape = graph.shape(tensor)
    return _factor_of(graph, tensor) is not None and shape is not None and isinstance(shape[axis], int)


def _hand_over(graph: Graph, user: Node, scaled: Tensor, source: Tensor, factor: Array) -> None:
    if user.op in SYNAPSES:
        target = synapse(graph, user)
        assert not isinstance(target, Skip)
        vector = channel_vector(factor, target.channel_axis)
        assert vector is not None
        user.inputs[0] = source
        target.scale_input(vector)
        return
    if user.op == "BatchNormalization":
        user.inputs[0] = source
        scale_batchnorm(graph, user, source=channel_vector(factor, 1))
        return
    after = _factor_after(graph, user, factor)
    own = constant_factor(graph, user)
    if own is not None:  # Mul(Mul(x, k), l) -> Mul(x, k l)
        combined = graph.constant(f"{user.name}_factor", (factor * own[1]).astype(graph.element_type()))
        user.inputs = [source, combined]
        return
    user.inputs = (
        [_unscaled(graph, t) for t in user.inputs]
        if user.op in ("Concat", "Add")
        else [source if t is scaled else t for t in user.inputs]
    )
    result = user.outputs[0]
    rescaled = insert_factor(graph, result, after, f"{user.name}_rescale")
    graph.replace_uses(result, rescaled, keep=[graph.producer(rescaled)])


def _factor_after(graph: Graph, user: Node, factor: Array) -> Array:
    if user.op == "Concat":
        return _joined_factor(graph, user)
    if user.op in _MOVES:
        moved = moved_factor(graph, user, factor)
        assert moved is not None
        return moved
    if user.op == "ReduceMean":
        reduced = _reduced_factor(graph, user, factor)
        assert reduced is not None
        return reduced
    return factor


def _factor_of(graph: Graph, tensor: Tensor) -> Array | None:
    producer = graph.producer(tensor)
    found = constant_factor(graph, producer) if producer is not None else None
    return None if found is None else found[1]


def _unscaled(graph: Graph, tensor: Tensor) -> Tensor:
    producer = graph.producer(tensor)
    assert producer is not None
    found = constant_factor(graph, producer)
    assert found is not None
    return found[0]


def _joined_factor(graph: Graph, user: Node) -> Array:
    parts = []
    for tensor in user.inputs:
        factor, shape = _factor_of(graph, tensor), graph.shape(tensor)
        assert factor is not None
        assert shape is not None
        axis = user.attrs["axis"] % len(shape)
        target = list(factor.shape)
        target[axis] = int(shape[axis] or 0)
        parts.append(np.broadcast_to(factor, target))
    sizes = np.broadcast_shapes(*[tuple(1 if i == axis else d for i, d in enumerate(p.shape)) for p in parts])
    full = [np.broadcast_to(p, [p.shape[axis] if i == axis else d for i, d in enumerate(sizes)]) for p in parts]
    return squeeze_constant_axes(np.concatenate(full, axis))


def _reduced_factor(graph: Graph, node: Node, factor: Array) -> Array | None:
    axes = graph.value(node.inputs[1]) if len(node.inputs) > 1 and node.inputs[1].name else None
    if axes is None:
        return None
    reduced = tuple(int(a) % factor.ndim for a in np.atleast_1d(axes))
    if any(factor.shape[a] != 1 for a in reduced):
        return None
    return (
        factor
        if node.attrs.get("keepdims", 1)
        else factor.reshape([d for i, d in enumerate(factor.shape) if i not in reduced])
    )
