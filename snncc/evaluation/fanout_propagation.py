# SPDX-License-Identifier: Apache-2.0
"""Propagate fan-out backwards through ops that pass spikes on, from their outputs to their inputs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import helper
from onnx.reference import ReferenceEvaluator

from snncc.analysis.network_view import Network
from snncc.errors import ModelError
from snncc.evaluation.kernel_taps import kernel_taps, resized_taps
from snncc.ir.nodes import attributes_of, label
from snncc.ir.op_sets import REDUCTION_POOLS
from snncc.ops.arrays import Array

__all__ = ["FanoutMap", "input_fanout"]

FanoutMap = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class _Use:
    """Input `position` of a node that passes spikes on, and the fan-out `cost` of that node's output."""

    network: Network
    node: onnx.NodeProto
    position: int
    cost: FanoutMap

    @property
    def shape(self) -> tuple[int, ...]:
        return self.network.shape(self.node.input[self.position])

    @property
    def attributes(self) -> dict[str, Any]:
        return attributes_of(self.node)


def input_fanout(network: Network, node: onnx.NodeProto, position: int, cost: FanoutMap) -> FanoutMap:
    """The fan-out of each element of input `position` of `node`, given the fan-out `cost` of its output."""
    return _PULLS.get(node.op_type, _pull_sum)(_Use(network, node, position, cost))


def _pull_sum(use: _Use) -> FanoutMap:
    """Elementwise ops: an element that is broadcast costs as much as all its copies."""
    shape = use.shape
    cost = use.cost.sum(axis=tuple(range(use.cost.ndim - len(shape))), dtype=np.int64)
    spread = tuple(i for i, (a, b) in enumerate(zip(shape, cost.shape, strict=True)) if a != b)
    return np.asarray(cost.sum(axis=spread, keepdims=True, dtype=np.int64))


def _pull_reshape(use: _Use) -> FanoutMap:
    return use.cost.reshape(use.shape)


def _pull_transpose(use: _Use) -> FanoutMap:
    order = use.attributes.get("perm", list(reversed(range(use.cost.ndim))))
    return use.cost.transpose(np.argsort(order))


def _pull_concat(use: _Use) -> FanoutMap:
    axis = use.attributes["axis"]
    sizes = [use.network.shape(name)[axis] for name in use.node.input]
    return np.split(use.cost, np.cumsum(sizes)[:-1], axis=axis)[use.position]


def _pull_moved(use: _Use) -> FanoutMap:
    """Pad, Slice, Gather …: apply the op to the elements' indices to find the position of each."""
    shape = use.shape
    feeds: dict[str, Array] = {use.node.input[0]: np.arange(1, prod(shape) + 1, dtype=np.int64).reshape(shape)}
    for name in filter(None, use.node.input[1:]):
        value = use.network.value(name)
        if value is None:
            message = f"{use.node.op_type} '{label(use.node)}' takes '{name}', which is computed, as a parameter"
            raise ModelError(f"{message}; its fan-out is not known. Export the model with constant folding.")
        feeds[name] = np.zeros_like(value, np.int64) if use.node.op_type == "Pad" and name == _fill(use.node) else value
    inputs = [
        helper.make_tensor_value_info(k, helper.np_dtype_to_tensor_dtype(v.dtype), None) for k, v in feeds.items()
    ]
    outputs = [helper.make_tensor_value_info(use.node.output[0], onnx.TensorProto.INT64, None)]
    graph = helper.make_graph([use.node], "moved", inputs, outputs)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", use.network.opset)])
    (numbers,) = ReferenceEvaluator(model).run(None, feeds)
    totals = np.zeros(prod(shape) + 1, np.int64)
    np.add.at(totals, np.asarray(numbers).ravel(), use.cost.ravel())
    return totals[1:].reshape(shape)


def _fill(node: onnx.NodeProto) -> str:
    """The name of the value that a Pad pads with."""
    return node.input[2] if len(node.input) > 2 else ""


def _pull_pool(use: _Use) -> FanoutMap:
    """Pooling: the sum over all windows that contain the element."""
    cost = use.cost
    matrices = kernel_taps(use.attributes, use.attributes["kernel_shape"], use.shape[2:], cost.shape[2:])
    for axis, matrix in enumerate(matrices):
        cost = np.moveaxis(np.tensordot(cost, matrix, axes=(axis + 2, 0)), -1, axis + 2)
    return cost


def _pull_resized(use: _Use) -> FanoutMap:
    """Interpolation: the sum over all outputs interpolated from the element."""
    cost = use.cost
    values = [use.network.value(name) if name else None for name in use.node.input]
    for axis, matrix in enumerate(resized_taps(use.node, use.network.opset, values, use.shape, cost.shape)):
        cost = np.moveaxis(np.tensordot(cost, matrix, axes=(axis, 0)), -1, axis)
    return cost


def _pull_reduced(use: _Use) -> FanoutMap:
    """Reductions: an element has the cost of its result."""
    shape, cost = use.shape, use.cost
    if use.node.op_type.startswith("Reduce"):
        attributes = use.attributes
        given = use.network.value(use.node.input[1]) if len(use.node.input) > 1 else attributes.get("axes")
        axes = list(range(len(shape))) if given is None or not len(given) else [int(a) % len(shape) for a in given]
        cost = cost.reshape([1 if i in axes else d for i, d in enumerate(shape)])
    return np.broadcast_to(cost, shape)


_PULLS: dict[str, Callable[[_Use], FanoutMap]] = {
    **dict.fromkeys(("Flatten", "Reshape", "Squeeze", "Unsqueeze"), _pull_reshape),
    **dict.fromkeys(("DepthToSpace", "Gather", "Pad", "Slice", "SpaceToDepth"), _pull_moved),
    **dict.fromkeys(("AveragePool", "MaxPool"), _pull_pool),
    **dict.fromkeys(("GlobalAveragePool", "GlobalMaxPool", *REDUCTION_POOLS), _pull_reduced),
    "Transpose": _pull_transpose,
    "Concat": _pull_concat,
    "Resize": _pull_resized,
}
