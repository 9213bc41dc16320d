# SPDX-License-Identifier: Apache-2.0
"""Constant factors on tensors: read from a Mul, inserted on an edge, folded into the weights of a synapse.

A factor is an array that broadcasts to the tensor and does not vary along the batch, axis 0; constant axes have size 1.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np

from snncc.errors import PassError
from snncc.ir.graph import Graph, Node, Tensor
from snncc.ir.op_sets import SYNAPSES
from snncc.ir.provenance import Role
from snncc.ops.arrays import Array
from snncc.passes.base import Skip
from snncc.passes.shared.batchnorm import Side, scale_batchnorm
from snncc.passes.shared.synapse import synapse

__all__ = [
    "channel_vector",
    "constant_factor",
    "factor_of",
    "fold_factor",
    "insert_factor",
]


def constant_factor(graph: Graph, node: Node) -> tuple[Tensor, Array] | None:
    """(x, k) if `node` is Mul(x, k) or Mul(k, x) with a constant k that keeps x's shape, else None."""
    if node.op != "Mul":
        return None
    for source, other in (node.inputs, reversed(node.inputs)):
        value, shape = graph.value(other), graph.shape(source)
        if value is not None and graph.value(source) is None and shape is not None and value.ndim <= len(shape):
            padded = value.reshape((1,) * (len(shape) - value.ndim) + value.shape)
            fits = all(k in (1, d) for k, d in zip(padded.shape, shape, strict=True))
            if fits and padded.shape[:1] in ((), (1,)):
                return source, padded.astype(np.float64)
    return None


def channel_vector(factor: Array, axis: int) -> Array | None:
    """`factor` as a vector along `axis`, (1,) or (channels,); None if it varies along another axis."""
    if factor.ndim == 0:
        return factor.reshape(1)
    others = [d for i, d in enumerate(factor.shape) if i != axis % factor.ndim]
    return factor.reshape(-1) if all(d == 1 for d in others) else None


def insert_factor(graph: Graph, tensor: Tensor, factor: Array, name: str, role: Role | None = None) -> Tensor:
    """Add Mul(tensor, factor), without users."""
    with np.errstate(over="ignore"):
        cast = factor.astype(graph.element_type())
    if not np.isfinite(cast).all():
        remedy = f"{cast.dtype} cannot hold it; convert the float32 model"
        raise PassError(f"the scale of '{tensor.name}' is as large as {np.abs(factor).max():.3g}, and {remedy}")
    constant = graph.constant(f"{name}_factor", cast)
    return graph.add("Mul", [tensor, constant], name=name, role=role)


def factor_of(graph: Graph, tensor: Tensor) -> Array | None:
    """The constant factor by which `tensor` is multiplied directly, None if there is none."""
    producer = graph.producer(tensor)
    found = constant_factor(graph, producer) if producer is not None else None
    return None if found is None else found[1]


def fold_factor(graph: Graph, node: Node, factor: Array, side: Side) -> Callable[[], None] | None:
    """A function that folds `factor` into the weights of a synapse or a lone BatchNormalization; None if impossible.

    At its `input`: it will do for x what it does for factor * x now. At its `output`: factor times what it does now.
    """
    if node.op == "BatchNormalization":
        vector = channel_vector(factor, 1)
        return None if vector is None else partial(scale_batchnorm, graph, node, vector, side)
    target = synapse(graph, node) if node.op in SYNAPSES else None
    if target is None or isinstance(target, Skip):
        return None
    vector = channel_vector(factor, target.channel_axis)
    edit = target.scale_input if side == "input" else target.scale_output
    return None if vector is None else partial(edit, vector)
