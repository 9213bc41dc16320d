# SPDX-License-Identifier: Apache-2.0
"""How many synaptic operations one spike costs, exactly, for every neuron, without running the network.

fanout(tensor) = the sum over all that reads it:
    Conv, ConvTranspose, Gemm, MatMul     the number of real weights that the element meets: strides, dilations, groups
                                          and borders respected, padding costs nothing. The spike ends there.
    Aggregate                             likewise: the number of edges that start from the element's node
    ops that move, scale, average or add  the fan-out of what it becomes (a pooled element counts every window it is in)
    a max pool of one-spike neurons       0: the first spike of a window wins, and what that one costs is counted behind
                                          the pool, with the pool's own spikes (`Network.gates`)
    a neuron, a graph output, a sum with analog values                      1, an identity synapse

The MACs of a synaptic layer are the sum of that map over its input's elements.
"""

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

from snncc.errors import ModelError
from snncc.network import PASSING, SYNAPSES, Network, attributes_of, is_neuron, label
from snncc.ops.aggregate import AGGREGATE
from snncc.recurrent.costs import is_recurrent, loop_macs
from snncc.resizing import resized_taps
from snncc.windows import taps

__all__ = ["fanouts", "macs", "synapse_map"]

Counts = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class _Use:
    """Input `position` of a node that passes spikes on, and the fan-out `cost` of that node's output."""

    network: Network
    node: onnx.NodeProto
    position: int
    cost: Counts

    @property
    def shape(self) -> tuple[int, ...]:
        return self.network.shape(self.node.input[self.position])

    @property
    def attributes(self) -> dict[str, Any]:
        return attributes_of(self.node)


def fanouts(network: Network) -> dict[str, Counts]:
    """The fan-out of every spiking tensor: {name: counts of the tensor's shape at a batch of one}."""
    costs: dict[str, Counts] = {name: np.zeros(network.shape(name), np.int64) for name in network.spiking}
    for name in network.outputs:
        if name in costs:
            costs[name] += 1
    gates = {node.output[0] for node in network.gates}
    for node in reversed(network.nodes):
        for position, name in enumerate(node.input):
            if name in costs and node.output[0] not in gates:
                costs[name] += _arriving(network, node, position, costs)
    return costs


def macs(network: Network, node: onnx.NodeProto) -> int:
    """Multiply-accumulate operations of a synaptic layer for one sample; those with padding are not made."""
    if is_recurrent(node):
        return loop_macs(network, node)
    return int(synapse_map(network, node, list(node.input).index(network.carriers(node)[0])).sum())


def _arriving(network: Network, node: onnx.NodeProto, position: int, costs: dict[str, Counts]) -> Counts:
    """What a spike on input `position` of `node` costs from there on."""
    shape = network.shape(node.input[position])
    if not is_neuron(node) and node.op_type in SYNAPSES and network.spike_driven(node):
        return synapse_map(network, node, position)
    output = node.output[0]
    if is_neuron(node) or node.op_type not in PASSING or output not in costs:
        return np.ones(shape, np.int64)
    return _PULLS.get(node.op_type, _pull_sum)(_Use(network, node, position, costs[output]))


def synapse_map(network: Network, node: onnx.NodeProto, position: int = 0) -> Counts:
    """The number of weights that each element of input `position` of a synaptic layer meets."""
    shape, out = network.shape(node.input[position]), network.shape(node.output[0])
    attributes = attributes_of(node)
    if node.op_type in ("Conv", "ConvTranspose"):
        weight = network.shape(node.input[1])
        transposed = node.op_type == "ConvTranspose"
        matrices = taps(attributes, weight[2:], shape[2:], out[2:], transposed=transposed)
        per_group = out[1] // attributes.get("group", 1)
        counts = np.full(shape, per_group, np.int64)
        for axis, matrix in enumerate(matrices):
            counts *= _along(matrix.sum(axis=0), axis + 2, len(shape))
        return counts
    if node.op_type == AGGREGATE.name:
        return _edges_out(network, node)
    if node.op_type == "Gemm":
        return np.full(shape, out[1 - position], np.int64)
    other = network.shape(node.input[1 - position])
    if len(shape) < 2:
        return np.full(shape, prod(out), np.int64)
    facing = 1 if len(other) < 2 else other[-1] if position == 0 else other[-2]
    batch = out[: -2 if len(other) > 1 else -1]  # a matrix that meets several others is used as often
    return np.full(shape, facing * prod(batch) // prod(shape[:-2]), np.int64)


def _edges_out(network: Network, node: onnx.NodeProto) -> Counts:
    """How many edges start from each node; those of weight 0 are none."""
    shape = network.shape(node.input[0])
    sources, weights = network.value(node.input[1]), network.value(node.input[3])
    if sources is None or weights is None:
        raise ModelError(f"the edges of Aggregate '{label(node)}' are computed; its fan-out is not known")
    degree = np.bincount(sources[weights != 0], minlength=shape[1])
    return np.broadcast_to(_along(degree.astype(np.int64), 1, 3), shape)


def _along(vector: Counts, axis: int, rank: int) -> Counts:
    return vector.reshape([-1 if i == axis else 1 for i in range(rank)])


# -- from the output of an op that passes spikes on to its inputs ------------------------------------------------


def _pull_sum(use: _Use) -> Counts:
    """Elementwise ops: an element that is broadcast costs as much as all its copies."""
    shape = use.shape
    cost = use.cost.sum(axis=tuple(range(use.cost.ndim - len(shape))), dtype=np.int64)
    spread = tuple(i for i, (a, b) in enumerate(zip(shape, cost.shape, strict=True)) if a != b)
    return np.asarray(cost.sum(axis=spread, keepdims=True, dtype=np.int64))


def _pull_reshape(use: _Use) -> Counts:
    return use.cost.reshape(use.shape)


def _pull_transpose(use: _Use) -> Counts:
    order = use.attributes.get("perm", list(reversed(range(use.cost.ndim))))
    return use.cost.transpose(np.argsort(order))


def _pull_concat(use: _Use) -> Counts:
    axis = use.attributes["axis"]
    sizes = [use.network.shape(name)[axis] for name in use.node.input]
    return np.split(use.cost, np.cumsum(sizes)[:-1], axis=axis)[use.position]


def _pull_moved(use: _Use) -> Counts:
    """Pad, Slice, Gather …: the op itself, applied to the elements' numbers, says where each of them goes."""
    shape = use.shape
    feeds: dict[str, npt.NDArray[Any]] = {
        use.node.input[0]: np.arange(1, prod(shape) + 1, dtype=np.int64).reshape(shape)
    }
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
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)])
    (numbers,) = ReferenceEvaluator(model).run(None, feeds)
    totals = np.zeros(prod(shape) + 1, np.int64)
    np.add.at(totals, np.asarray(numbers).ravel(), use.cost.ravel())
    return totals[1:].reshape(shape)


def _fill(node: onnx.NodeProto) -> str:
    """The name of the value that a Pad pads with."""
    return node.input[2] if len(node.input) > 2 else ""


def _pull_pool(use: _Use) -> Counts:
    """Pooling: the sum over all windows that hold the element."""
    cost = use.cost
    matrices = taps(use.attributes, use.attributes["kernel_shape"], use.shape[2:], cost.shape[2:])
    for axis, matrix in enumerate(matrices):
        cost = np.moveaxis(np.tensordot(cost, matrix, axes=(axis + 2, 0)), -1, axis + 2)
    return cost


def _pull_resized(use: _Use) -> Counts:
    """Interpolation: the sum over all that is interpolated from the element."""
    cost = use.cost
    values = [use.network.value(name) if name else None for name in use.node.input]
    for axis, matrix in enumerate(resized_taps(use.node, values, use.shape, cost.shape)):
        cost = np.moveaxis(np.tensordot(cost, matrix, axes=(axis, 0)), -1, axis)
    return cost


def _pull_reduced(use: _Use) -> Counts:
    """Reductions: an element costs what the result costs that it goes into."""
    shape, cost = use.shape, use.cost
    if use.node.op_type.startswith("Reduce"):
        attributes = use.attributes
        given = use.network.value(use.node.input[1]) if len(use.node.input) > 1 else attributes.get("axes")
        axes = list(range(len(shape))) if given is None or not len(given) else [int(a) % len(shape) for a in given]
        cost = cost.reshape([1 if i in axes else d for i, d in enumerate(shape)])
    return np.broadcast_to(cost, shape)


_PULLS: dict[str, Callable[[_Use], Counts]] = {
    **dict.fromkeys(("Flatten", "Reshape", "Squeeze", "Unsqueeze"), _pull_reshape),
    **dict.fromkeys(("DepthToSpace", "Gather", "Pad", "Slice", "SpaceToDepth"), _pull_moved),
    **dict.fromkeys(("AveragePool", "MaxPool"), _pull_pool),
    **dict.fromkeys(("GlobalAveragePool", "GlobalMaxPool", "ReduceMax", "ReduceMean", "ReduceSum"), _pull_reduced),
    "Transpose": _pull_transpose,
    "Concat": _pull_concat,
    "Resize": _pull_resized,
}
