# SPDX-License-Identifier: Apache-2.0
"""synapse(x, W) -> synapse(x, DequantizeLinear(W8, s)): weights as int8, W ≈ s W8 (one_spike.txt, section V-A).

Symmetric: W8 = round(W/s) in -127 … 127, with s = max|W|/127 over an output channel, or over the whole tensor. Biases
are unchanged. onnxruntime fuses MatMul after DequantizeLinear into a kernel that also rounds activations to 8 bits. To
prevent this, matrices are stored in forms that it does not fuse: by rows of Gemm (transB), or with a first axis of
length 1.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from snncc.ir.graph import Graph, Node, Tensor
from snncc.ir.op_sets import SYNAPSES
from snncc.ops.arrays import Array
from snncc.passes.base import Pass
from snncc.passes.shared.synapse import LARGEST

__all__ = ["QuantiseWeights"]

_Integers = tuple[int | None, tuple[int, ...], bytes, bytes]


@dataclass(frozen=True)
class _Stored:
    """Quantised weights: the input of the node that they are, and the axis of the output channels."""

    position: int
    values: Array
    axis: int | None


@dataclass(frozen=True)
class QuantiseWeights(Pass):
    """Weights of synapses -> int8; `per_channel` or with one scale for all."""

    name: ClassVar[str] = "quantise-weights"
    per_channel: bool = True

    def run(self, graph: Graph) -> int:
        """Quantise every constant weight; equal tensors are stored once."""
        known: dict[_Integers, Tensor] = {}
        done = 0
        for node in graph.nodes(*SYNAPSES):
            position = _weights_of(graph, node)
            if position is None:
                continue
            name = node.inputs[position].name
            stored = _stored(graph, node, position)
            whole, scale, axis = self._integers(stored)
            key = axis, whole.shape, whole.tobytes(), scale.tobytes()
            if key not in known:
                known[key] = _dequantised(graph, name, whole, scale, axis)
            node.inputs[stored.position] = known[key]
            done += 1
        return done

    def _integers(self, stored: _Stored) -> tuple[Array, Array, int | None]:
        """The weights as int8, their scales, and the axis of the scales."""
        values, axis = stored.values.astype(np.float64), stored.axis if self.per_channel else None
        others = tuple(a for a in range(values.ndim) if a != axis)
        largest = np.abs(values).max(axis=others, keepdims=True, initial=0.0)
        scale = np.where(largest > 0, largest / LARGEST, 1.0).astype(np.float32)
        whole = np.clip(np.rint(values / scale), -LARGEST, LARGEST).astype(np.int8)
        return whole, scale.reshape(() if axis is None else -1), axis


def _dequantised(graph: Graph, name: str, whole: Array, scale: Array, axis: int | None) -> Tensor:
    """The node that dequantises the weights."""
    inputs = [graph.constant(f"{name}_int8", whole), graph.constant(f"{name}_scale", scale)]
    attrs = {} if axis is None else {"axis": axis}
    weights = graph.add("DequantizeLinear", inputs, name=f"{name}_dequantised", attrs=attrs)
    weights.dtype, weights.shape = np.dtype(np.float32), list(whole.shape)
    if graph.element_type() == np.float32:
        return weights
    kind = graph.element_type()
    cast = graph.add("Cast", [weights], name=f"{name}_cast", attrs={"to": kind.type})
    cast.dtype = kind
    return cast


def _weights_of(graph: Graph, node: Node) -> int | None:
    """Which input holds the weights; None if they are computed."""
    for position in (1, 0):
        value = graph.value(node.inputs[position])
        if value is not None and value.dtype.kind == "f":
            return position
    return None


def _stored(graph: Graph, node: Node, position: int) -> _Stored:
    """The weights of `node`, whose attributes are updated."""
    values = graph.value(node.inputs[position])
    assert values is not None
    rank = len(graph.shape(node.inputs[0]) or ())
    match node.op:
        case "Conv":
            return _Stored(1, values, 0)
        case "ConvTranspose":  # (in, out per group, kernel …)
            return _Stored(1, values, 1)
        case "Gemm":
            by_rows = values if node.attrs.get("transB", 0) else values.T
            node.attrs["transB"] = 1
            return _Stored(1, by_rows, 0)
        case _ if position == 0 or values.ndim != 2 or rank < 2:
            axis = values.ndim - 2 if position == 0 else values.ndim - 1
            return _Stored(position, values, axis if values.ndim > 1 else None)
        case _ if rank == 2:
            node.op = "Gemm"
            node.attrs["transB"] = 1
            return _Stored(1, values.T, 0)
        case _:
            return _Stored(1, values[None], 2)
