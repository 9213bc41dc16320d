# SPDX-License-Identifier: Apache-2.0
"""BatchNormalization as y = f x + s, per channel."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from snncc.ir.graph import Graph, Node
from snncc.ir.op_sets import SYNAPSES
from snncc.ops.arrays import Array
from snncc.passes.base import Skip
from snncc.passes.shared.synapse import Synapse, synapse

__all__ = ["Side", "affine", "behind_synapse", "same_channels", "scale_batchnorm"]


Side = Literal["input", "output"]


def affine(graph: Graph, node: Node) -> tuple[Array, Array]:
    """A BatchNormalization's factor and shift, each (channels,), float64."""
    gamma, beta, mean, variance = (np.asarray(graph.value(t), np.float64) for t in node.inputs[1:5])
    factor = gamma / np.sqrt(variance + node.attrs.get("epsilon", 1e-5))
    return factor, beta - mean * factor


def behind_synapse(graph: Graph, node: Node) -> Synapse | Skip:
    """The synapse directly before a BatchNormalization, or the reason why it cannot apply the node's shift."""
    source = node.inputs[0]
    producer = graph.producer(source)
    if producer is None or producer.op not in SYNAPSES:
        return Skip("no synapse in front of it")
    if graph.sole_user(source) is not node:
        return Skip(f"'{source.name}' has other users")
    return same_channels(graph, producer, source)


def scale_batchnorm(graph: Graph, node: Node, factor: Array, side: Side) -> None:
    """Apply a factor, (channels,) or (1,), at the input or output of a lone BatchNormalization."""
    gamma, beta, mean, variance = (np.asarray(graph.value(t), np.float64) for t in node.inputs[1:5])
    slope = gamma / np.sqrt(variance + node.attrs.get("epsilon", 1e-5))
    # At the input the mean stays and beta makes up for it: the factor may be 0.
    shift = beta * factor if side == "output" else beta - mean * slope * (1 - factor)
    values = (gamma * factor, shift, mean, variance)
    dtype = graph.value(node.inputs[1]).dtype  # type: ignore[union-attr]
    parameters = [graph.constant(t.name, v.astype(dtype)) for t, v in zip(node.inputs[1:5], values, strict=True)]
    node.inputs = [node.inputs[0], *parameters]


def same_channels(graph: Graph, node: Node, tensor: Any) -> Synapse | Skip:
    """The synapse, or a Skip unless its channels are on axis 1 as BatchNormalization's; a MatMul's are
    in rank 2 only.
    """
    shape = graph.shape(tensor)
    if node.op == "MatMul" and (shape is None or len(shape) != 2):
        return Skip(f"the channels of MatMul '{node.name}' are not on axis 1")
    return synapse(graph, node)
