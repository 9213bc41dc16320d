# SPDX-License-Identifier: Apache-2.0
"""Constant factors on tensors: read off a Mul, put on an edge, carried through an op that moves values.

A factor is an array that broadcasts to the tensor and does not vary along the batch, axis 0; constant axes have size 1.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import helper
from onnx.reference import ReferenceEvaluator

from snncc.graph import Graph, Node, Tensor

__all__ = ["channel_vector", "constant_factor", "insert_factor", "moved_factor", "squeeze_constant_axes"]

Array = npt.NDArray[Any]


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


def insert_factor(graph: Graph, tensor: Tensor, factor: Array, name: str) -> Tensor:
    """Add Mul(tensor, factor), read by nobody yet."""
    constant = graph.constant(f"{name}_factor", factor.astype(graph.element_type()))
    return graph.add("Mul", [tensor, constant], name=name)


def squeeze_constant_axes(factor: Array) -> Array:
    """The same factor with size 1 wherever it does not vary."""
    for axis in range(factor.ndim):
        first = factor.take([0], axis=axis)
        if factor.shape[axis] > 1 and (factor == first).all():
            factor = first
    return factor


def moved_factor(graph: Graph, node: Node, factor: Array) -> Array | None:
    """The factor k' with op(k x) = k' op(x), for an op that only moves values; None if there is no such k'.

    The op itself is run on k, for a batch of one. What a Pad adds is 0, so that any factor there will do: it gets 1.
    """
    shape = graph.shape(node.inputs[0])
    sizes = [d for d in shape[1:] if isinstance(d, int)] if shape else []
    if not shape or len(sizes) != len(shape) - 1:
        return None
    if node.op == "Pad" and not _pads_zeros(graph, node):
        return None
    full = np.ascontiguousarray(np.broadcast_to(factor, (1, *sizes)), np.float64)
    result = _run(graph, node, full)
    if result.shape[:1] != (1,):
        return None  # the batch is mixed with other axes
    return squeeze_constant_axes(result)


def _pads_zeros(graph: Graph, node: Node) -> bool:
    if node.attrs.get("mode", "constant") != "constant":
        return False
    value = graph.value(node.inputs[2]) if len(node.inputs) > 2 and node.inputs[2].name else np.zeros(1)
    return value is not None and not value.any()


def _run(graph: Graph, node: Node, data: Array) -> Array:
    names = [t.name for t in node.inputs]
    feeds: dict[str, Array] = {names[0]: data}
    feeds |= {t.name: v for t in node.inputs[1:] if t.name and (v := graph.value(t)) is not None}
    if node.op == "Pad":
        names, feeds = [names[0], names[1], "one"], feeds | {"one": np.ones((), np.float64)}
    inputs = [
        helper.make_tensor_value_info(n, helper.np_dtype_to_tensor_dtype(v.dtype), None) for n, v in feeds.items()
    ]
    copy = helper.make_node(node.op, names, ["moved"], **node.attrs)
    made = helper.make_graph([copy], "move", inputs, [onnx.ValueInfoProto(name="moved")])
    model = helper.make_model(made, opset_imports=[helper.make_opsetid("", graph.opset)])
    results: Any = ReferenceEvaluator(model).run(None, feeds)
    return np.asarray(results[0])
