# SPDX-License-Identifier: Apache-2.0
"""Propagate a constant factor (see `scale`) through ops that have no weights."""

from __future__ import annotations

from collections.abc import Sequence
from math import gcd, prod
from typing import Any

import numpy as np
import onnx
from onnx import helper
from onnx.reference import ReferenceEvaluator

from snncc.ir.graph import Graph, Node, Tensor
from snncc.ops.arrays import Array
from snncc.passes.shared.scaling import factor_of

__all__ = ["factor_after_concat", "factor_after_move", "reduced_factor", "squeezed"]


def squeezed(factor: Array) -> Array:
    """The same factor with size 1 wherever it does not vary."""
    for axis in range(factor.ndim):
        if factor.shape[axis] > 1 and (factor == (first := factor.take([0], axis=axis))).all():
            factor = first
    return factor


def factor_after_move(graph: Graph, node: Node, factor: Array) -> Array | None:
    """The factor k' with op(k x) = k' op(x), for a shape-only op; None if there is no such k'.

    The op itself is run on k, for the graph's fixed batch, or for two batches, which must agree: rows may become more
    or fewer. What a Pad adds is 0, so that any factor there will do: it gets 1.
    """
    shape = graph.shape(node.inputs[0])
    sizes = [d for d in shape[1:] if isinstance(d, int)] if shape else []
    computed = any(t.name and graph.value(t) is None for t in node.inputs[1:])  # where to cut is not known here
    if not shape or len(sizes) != len(shape) - 1 or computed:
        return None
    if node.op == "Pad" and not _pads_zeros(graph, node):
        return None
    fixed = isinstance(shape[0], int)
    least = 1 if fixed else _least_rows(graph, node, prod(sizes))
    kept: Array | None = None
    for rows in (int(shape[0]),) if fixed else (2 * least, 3 * least):  # type: ignore[arg-type]
        moved = _moved(graph, node, factor, rows, sizes)
        if moved is None or (fixed and moved.shape[:1] != (rows,)):
            return None  # the batch is mixed with other axes
        now = squeezed(moved)
        if now.shape[:1] != (1,) or (kept is not None and not np.array_equal(kept, now)):
            return None
        kept = now
    return kept


def _least_rows(graph: Graph, node: Node, each: int) -> int:
    """The minimum number of rows of `each` elements for a Reshape that infers the batch."""
    target = graph.value(node.inputs[1]) if node.op == "Reshape" else None
    if target is None or target.size == 0 or target[0] != -1 or (target[1:] <= 0).any():
        return 1
    wanted = prod(int(d) for d in target[1:])
    return wanted // gcd(wanted, each) if each else 1


def _moved(graph: Graph, node: Node, factor: Array, rows: int, sizes: Sequence[int]) -> Array | None:
    """`factor`, expanded to this many rows, after `node`; None if `node` fails for this number."""
    full = np.ascontiguousarray(np.broadcast_to(factor, (rows, *sizes)), np.float64)
    try:
        return _run(graph, node, full)
    except (ValueError, IndexError, RuntimeError):  # of onnx's evaluator
        return None


def _pads_zeros(graph: Graph, node: Node) -> bool:
    widths = graph.value(node.inputs[1])
    if node.attrs.get("mode", "constant") != "constant" or widths is None or (widths < 0).any():
        return False  # of negative widths onnx's evaluator, which `_run` uses, makes nothing
    value = graph.value(node.inputs[2]) if len(node.inputs) > 2 and node.inputs[2].name else np.zeros(1)
    return value is not None and not value.any()


def _run(graph: Graph, node: Node, data: Array) -> Array:
    values = [data, *(graph.value(t) for t in node.inputs[1:])]
    if node.op == "Pad":
        values[2:3] = [np.ones((), np.float64)]
    names = ["" if value is None else f"input_{index}" for index, value in enumerate(values)]
    feeds = {name: value for name, value in zip(names, values, strict=True) if value is not None}
    inputs = [
        helper.make_tensor_value_info(n, helper.np_dtype_to_tensor_dtype(v.dtype), None) for n, v in feeds.items()
    ]
    copy = helper.make_node(node.op, names, ["moved"], **node.attrs)
    made = helper.make_graph([copy], "move", inputs, [onnx.ValueInfoProto(name="moved")])
    model = helper.make_model(made, opset_imports=[helper.make_opsetid("", graph.opset)])
    results: Any = ReferenceEvaluator(model).run(None, feeds)
    return np.asarray(results[0])


def reduced_factor(graph: Graph, node: Node, factor: Array) -> Array | None:
    """The factor after a reduction over axes along which it does not vary."""
    axes = graph.value(node.inputs[1]) if len(node.inputs) > 1 and node.inputs[1].name else None
    if axes is None:
        return None
    if not axes.size and node.attrs.get("noop_with_empty_axes", 0):
        return factor
    reduced = {int(a) % factor.ndim for a in np.atleast_1d(axes)} or set(range(factor.ndim))
    if any(factor.shape[a] != 1 for a in reduced):
        return None
    return factor if node.attrs.get("keepdims", 1) else factor.squeeze(tuple(reduced))


def factor_after_concat(graph: Graph, node: Node) -> Array | None:
    """The factor after a Concat; None if an input has none or has an unknown number of channels."""
    axis = node.attrs["axis"]
    parts = [_extended(graph, t, axis) for t in node.inputs]
    known = [p for p in parts if p is not None]
    if axis == 0 or len(known) < len(parts):
        return None
    axis %= known[0].ndim
    others = np.broadcast_shapes(*[(*p.shape[:axis], 1, *p.shape[axis + 1 :]) for p in known])
    full = [np.broadcast_to(p, (*others[:axis], p.shape[axis], *others[axis + 1 :])) for p in known]
    return squeezed(np.concatenate(full, axis))


def _extended(graph: Graph, tensor: Tensor, axis: int) -> Array | None:
    """The factor of a Concat's input, as long as the input along `axis`."""
    factor, shape = factor_of(graph, tensor), graph.shape(tensor)
    if factor is None or shape is None:
        return None
    size, target = shape[axis], list(factor.shape)
    if not isinstance(size, int):
        return None
    target[axis] = size
    return np.broadcast_to(factor, target)
