# SPDX-License-Identifier: Apache-2.0
"""Weight equivalence of a converted model and its source: W'[o, i, k] = u[o] v[i] W[o, i, k].

Scales, BatchNormalization and the correction of potentials change weights only by a factor for each output channel u
and each input channel v. Both are fitted by least squares, alternately. A residual beyond rounding means that the
weights were changed otherwise. Biases are not compared, since means and shifts are folded into them. Layers are matched
by name; those that the conversion rewrote into others, and computed weights, are skipped.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import onnx

from snncc.ir.nodes import all_nodes, attributes_of
from snncc.ir.op_sets import SYNAPSES
from snncc.ops.arrays import Array
from snncc.storage.mapped import array_of

__all__ = ["initializers", "mismatched_layers", "stored_weights"]


_FLOATS = (onnx.TensorProto.FLOAT, onnx.TensorProto.FLOAT16, onnx.TensorProto.DOUBLE, onnx.TensorProto.BFLOAT16)
_FLOAT, _HALF, _INT8 = 1e-3, 1e-2, 1 / 127  # of a channel's largest weight; of int8 two half steps
_ROUNDS = 200
_MOST = 2**22  # pairs of channels that are fitted; of larger layers only some of the output channels are


def mismatched_layers(source: onnx.ModelProto, snn: onnx.ModelProto) -> list[str]:
    """Names of the layers of `snn` whose weights are not equivalent to those of `source` up to channel factors."""
    theirs, ours = _Weights(source), _Weights(snn)
    stored = stored_weights(snn)
    half = any(t.data_type == onnx.TensorProto.FLOAT16 for t in snn.graph.initializer)
    found = []
    for name in ours.layers:
        before, after = theirs.of(name), ours.of(name)
        if before is None or after is None or before.shape != after.shape:
            continue
        if _differs(before, after, stored.get(name, "float"), _HALF if half else _FLOAT):
            found.append(name)
    return found


def stored_weights(model: onnx.ModelProto) -> dict[str, str]:
    """By synapse: `int8` (a scale per channel), `int8-tensor` (a single scale) or `float`; computed weights left out.

    Weights of recurrent layers, within a Scan, stay float and are left out, too.
    """
    weights = _Weights(model)
    return {name: kind for name, node in weights.layers.items() if (kind := weights.stored(node)) is not None}


class _Weights:
    """The constant weights of a model's synapses, by name; they become arrays one at a time."""

    def __init__(self, model: onnx.ModelProto) -> None:
        nodes = list(all_nodes(model.graph))
        self._constants = initializers(model)
        self._makers = {out: node for node in nodes for out in node.output if out}
        self.layers = {n.name: n for n in nodes if n.name and n.op_type in SYNAPSES}

    def of(self, name: str) -> Array | None:
        """The weights of a synapse as (groups, out per group, in per group, kernel)."""
        node = self.layers.get(name)
        if node is None:
            return None
        for position in (1, 0):
            weights = self._value(node.input[position])
            if weights is not None and weights.dtype.kind == "f" and weights.size:
                return _in_order(node, position, weights.astype(np.float64))
        return None

    def stored(self, node: onnx.NodeProto) -> str | None:
        """How the weights of a synapse are stored."""
        kind = None
        for name in node.input[:2]:
            maker = self._dequantiser(name)
            if maker is not None:
                kind = "int8" if self._constants[maker.input[1]].dims else "int8-tensor"
            elif name in self._constants and self._constants[name].data_type in _FLOATS:
                kind = "float"
        return kind

    def _dequantiser(self, name: str) -> onnx.NodeProto | None:
        """The DequantizeLinear of the weights."""
        maker = self._makers.get(name)
        if maker is not None and maker.op_type == "Cast":
            maker = self._makers.get(maker.input[0])
        if maker is None or maker.op_type != "DequantizeLinear":
            return None
        return maker if self._constants.keys() >= set(maker.input[:2]) else None

    def _value(self, name: str) -> Array | None:
        maker = self._dequantiser(name)
        if maker is None:
            return array_of(self._constants[name]) if name in self._constants else None
        whole, scale = (array_of(self._constants[n]) for n in maker.input[:2])
        axis = attributes_of(maker).get("axis", 1)
        shape = [-1 if a == axis else 1 for a in range(whole.ndim)] if scale.ndim else []
        return np.asarray(whole.astype(np.float64) * scale.reshape(shape))


def initializers(model: onnx.ModelProto, *, recurrent: bool = False) -> dict[str, onnx.TensorProto]:
    """All stored tensors, also in subgraphs; those in the Scans of `recurrent` layers only on request."""
    found: dict[str, onnx.TensorProto] = {}
    graphs = [model.graph]
    while graphs:
        graph = graphs.pop()
        graphs += [
            a.g for n in graph.node for a in n.attribute if a.HasField("g") and (recurrent or n.op_type != "Scan")
        ]
        found |= {t.name: t for t in graph.initializer}
    return found


def _in_order(node: onnx.NodeProto, position: int, weights: Array) -> Array:
    attributes = attributes_of(node)
    groups = attributes.get("group", 1)
    if node.op_type == "Conv":
        return weights.reshape(groups, weights.shape[0] // groups, weights.shape[1], -1)
    if node.op_type == "ConvTranspose":
        apart = weights.reshape(groups, weights.shape[0] // groups, weights.shape[1], -1)
        return apart.swapaxes(1, 2)
    if node.op_type == "MatMul" and (position == 0 or weights.ndim < 2):
        matrix = weights.reshape(-1, weights.shape[-1])
    else:
        matrix = weights.reshape(-1, *weights.shape[-2:])
        matrix = matrix[0] if len(matrix) == 1 else matrix.reshape(-1, matrix.shape[-1])
        matrix = matrix if attributes.get("transB", 0) else matrix.T
    return matrix[None, :, :, None]


def _differs(theirs: Array, ours: Array, stored: str, tolerance: float) -> bool:
    largest = np.abs(ours).max()  # a common scale may follow
    step = -(-ours.shape[1] * ours.shape[2] // _MOST)
    for a, b in zip(theirs[:, ::step], ours[:, ::step], strict=True):
        each = np.abs(b).max(axis=(1, 2), keepdims=True)
        each[each == 0] = 1.0  # channels have equal weight, except for those that share a rounding
        scaled = b / (largest or 1.0 if stored == "int8-tensor" else each)
        allowed = {"int8": _INT8, "int8-tensor": 2 * _INT8}.get(stored, tolerance)
        if not any((np.abs(scaled - fit) <= allowed).all() for fit in _fits(a, scaled)):
            return True
    return False


def _fits(a: Array, b: Array) -> Iterator[Array]:
    """u[o] v[i] a[o, i, k], nearer and nearer to b."""
    own, both = (a * a).sum(axis=2), (a * b).sum(axis=2)
    first = own.sum(axis=1).argmax()  # one channel's ratios are a start that is exact where all is right
    v = np.divide(both[first], own[first], out=np.ones(own.shape[1]), where=own[first] > 0)
    for _ in range(_ROUNDS):
        u = _ratio((both * v).sum(axis=1), (own * v * v).sum(axis=1))
        yield u[:, None, None] * v[:, None] * a
        v = _ratio((both * u[:, None]).sum(axis=0), (own * (u * u)[:, None]).sum(axis=0))


def _ratio(over: Array, under: Array) -> Array:
    return np.divide(over, under, out=np.zeros_like(over), where=under > 0)
