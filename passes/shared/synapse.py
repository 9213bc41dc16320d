# SPDX-License-Identifier: Apache-2.0
"""Common interface to the weights of Conv, ConvTranspose, Gemm and MatMul.

A synapse computes y = W x + b. Scaling its output by f and shifting it by s gives W' = f W, b' = f b + s (per output
channel); feeding it g x + t instead of x gives W' = W g, b' = b + W t (per input channel). Sums are made in float64.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from snncc.ir.graph import Graph, Node
from snncc.ops.arrays import Array
from snncc.passes.base import Skip

__all__ = ["LARGEST", "Synapse", "synapse"]


LARGEST = 127


@dataclass(frozen=True)
class Synapse:
    """Weights in the order (groups, out per group, in per group, kernel …), float64; bias (out,)."""

    graph: Graph
    node: Node
    weights: Array
    bias: Array

    @property
    def outputs(self) -> int:
        """Number of output channels."""
        return int(self.weights.shape[0] * self.weights.shape[1])

    @property
    def inputs(self) -> int:
        """Number of input channels."""
        return int(self.weights.shape[0] * self.weights.shape[2])

    @property
    def channel_axis(self) -> int:
        """The channel axis of its input and output."""
        return 1 if self.node.op != "MatMul" else -1

    def scale_output(self, factor: Array, shift: Array | float = 0.0) -> None:
        """Change it to compute factor * y + shift; both broadcast to (out,)."""
        factor = np.broadcast_to(np.asarray(factor, np.float64), (self.outputs,))
        self._store(self.weights * self._spread(factor, 1), self.bias * factor + shift)

    def scale_input(self, factor: Array, shift: Array | float = 0.0) -> None:
        """Change it to give for x what it gave for factor * x + shift; both broadcast to (in,)."""
        factor, offset = (np.broadcast_to(np.asarray(v, np.float64), (self.inputs,)) for v in (factor, shift))
        kernel = tuple(range(2, self.weights.ndim))
        moved = (self.weights * self._spread(offset, 2)).sum(axis=kernel).reshape(-1)
        self._store(self.weights * self._spread(factor, 2), self.bias + moved)

    def round(self, largest: int) -> None:
        """Round the weights of each output channel to integers from -largest to largest, times a step per channel."""
        axes = tuple(range(2, self.weights.ndim))
        top = np.abs(self.weights).max(axis=axes, keepdims=True, initial=0.0)
        step = np.where(top > 0, top / largest, 1.0)
        self._store(np.rint(self.weights / step) * step, self.bias)

    def _spread(self, vector: Array, axis: int) -> Array:
        shape = [1] * self.weights.ndim
        shape[0], shape[axis] = self.weights.shape[0], self.weights.shape[axis]
        return vector.reshape(shape)

    def _store(self, weights: Array, bias: Array) -> None:
        graph, node = self.graph, self.node
        dtype = graph.value(node.inputs[1]).dtype  # type: ignore[union-attr]
        new = graph.constant(node.inputs[1].name, _from_canonical(node, weights).astype(dtype))
        if node.op == "MatMul":
            node.inputs[1] = new
            if bias.any():
                _add_bias(graph, node, bias.astype(dtype))
            return
        inputs = [node.inputs[0], new]
        if bias.any() or _has(node, 2):
            prefix = node.inputs[2].name if _has(node, 2) else f"{node.name}_bias"
            inputs.append(graph.constant(prefix, bias.astype(dtype)))
        node.inputs = inputs
        if node.op == "Gemm":
            node.attrs.update(alpha=1.0, beta=1.0)


def synapse(graph: Graph, node: Node) -> Synapse | Skip:
    """The synapse of `node`, or the reason why its weights cannot be edited."""
    weights = graph.value(node.inputs[1])
    if weights is None:
        return Skip(f"its weight '{node.inputs[1].name}' is not a constant")
    if node.op == "MatMul" and weights.ndim != 2:
        return Skip(f"its weight '{node.inputs[1].name}' is not a matrix")
    if node.op == "Gemm" and node.attrs.get("transA", 0):
        return Skip("it transposes its input")
    canonical = _to_canonical(node, weights.astype(np.float64))
    outputs = canonical.shape[0] * canonical.shape[1]
    bias = np.zeros(outputs)
    if _has(node, 2):
        value = graph.value(node.inputs[2])
        if value is None:
            return Skip(f"its bias '{node.inputs[2].name}' is not a constant")
        if value.size != 1 and (value.size != outputs or value.shape[-1:] != (outputs,)):
            return Skip(f"its bias '{node.inputs[2].name}' differs between rows")
        bias = np.broadcast_to(value.astype(np.float64).reshape(-1) * node.attrs.get("beta", 1.0), (outputs,))
    return Synapse(graph, node, canonical, bias)


def _to_canonical(node: Node, weights: Array) -> Array:
    groups = node.attrs.get("group", 1)
    match node.op:
        case "Conv":  # (out, in/g, k…)
            return weights.reshape(groups, -1, *weights.shape[1:])
        case "ConvTranspose":  # (in, out/g, k…)
            return weights.reshape(groups, -1, *weights.shape[1:]).swapaxes(1, 2)
        case "Gemm":
            matrix = weights if node.attrs.get("transB", 0) else weights.T
            return np.asarray(matrix[None] * node.attrs.get("alpha", 1.0))
        case _:
            return weights.T[None]


def _from_canonical(node: Node, weights: Array) -> Array:
    match node.op:
        case "Conv":
            return weights.reshape(-1, *weights.shape[2:])
        case "ConvTranspose":
            swapped = weights.swapaxes(1, 2)
            return swapped.reshape(-1, *swapped.shape[2:])
        case "Gemm":
            return np.asarray(weights[0] if node.attrs.get("transB", 0) else weights[0].T)
        case _:
            return np.asarray(weights[0].T)


def _has(node: Node, index: int) -> bool:
    return len(node.inputs) > index and bool(node.inputs[index].name)


def _add_bias(graph: Graph, node: Node, bias: Array) -> None:
    """MatMul(x) -> Add(MatMul(x), bias)."""
    out = node.outputs[0]
    total = graph.add("Add", [out, graph.constant(f"{node.name}_bias", bias)], name=f"{node.name}_biased")
    graph.replace_uses(out, total, keep=[graph.producer(total)])
