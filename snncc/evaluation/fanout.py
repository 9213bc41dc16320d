# SPDX-License-Identifier: Apache-2.0
"""Exact number of synaptic operations per spike, for every neuron, without running the network.

A spike passes through ops that move, scale, average or add values (a pooled element counts every window that contains
it) to the nodes where it ends. The cost there is
    Conv, ConvTranspose, Gemm, MatMul     the number of real weights that it meets: strides, dilations, groups and
                                          borders respected, padding costs nothing
    Aggregate                             likewise: the number of edges that start from the element's node
    a max pool of one-spike neurons       0: the first spike of a window wins, and what that one costs is counted after
                                          the pool, with the pool's own spikes (`Network.spike_gating_pools`)
    a neuron, a graph output, a sum with analog values                      1, an identity synapse

The MACs of a synaptic layer are the sum of this map over its input's elements.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import prod

import numpy as np
import onnx

from snncc.analysis.network_view import PASSING, Network
from snncc.errors import ModelError
from snncc.evaluation.fanout_propagation import FanoutMap, input_fanout
from snncc.evaluation.kernel_taps import kernel_taps
from snncc.evaluation.recurrent_costs import loop_macs
from snncc.ir.nodes import attributes_of, is_neuron, is_recurrent, label
from snncc.ir.op_sets import SHAPE_OPS, WEIGHTED
from snncc.ops.aggregate import AGGREGATE

__all__ = ["fanouts", "macs", "spike_targets", "synapse_map"]


def fanouts(network: Network) -> dict[str, FanoutMap]:
    """The fan-out of every neuron and max pool: {tensor: counts of the tensor's shape at a batch of one}."""
    costs = {name: np.zeros(network.shape(name), np.int64) for name in _origins(network)}
    for _, found in spike_targets(network):
        for name, cost in found.items():
            costs[name] += cost
    return costs


def spike_targets(network: Network) -> Iterator[tuple[str, dict[str, FanoutMap]]]:
    """The targets of spikes: (computed tensor, operations per spike there by neuron or max pool).

    A graph output that consists of spikes is such a place itself.
    """
    origins = _origins(network)
    gates = {node.output[0] for node in network.spike_gating_pools}
    numbers = {out: i for i, node in enumerate(network.nodes) for out in node.output if out}
    for node in network.nodes:
        direct: dict[str, FanoutMap] = {}
        for position, name in enumerate(node.input):
            if name in network.spiking and node.output[0] not in gates and _ends(network, node):
                here = _direct(network, node, position)
                direct[name] = direct[name] + here if name in direct else here
        if direct:
            yield node.output[0], _traced(network, direct, origins, numbers)
    for name in network.outputs:
        if name in network.spiking:
            yield name, _traced(network, {name: np.ones(network.shape(name), np.int64)}, origins, numbers)


def _origins(network: Network) -> set[str]:
    """The tensors in which spikes are counted: outputs of neurons and of max pools."""
    return {node.output[0] for node in (*network.neurons, *network.spike_gating_pools)}


def _ends(network: Network, node: onnx.NodeProto) -> bool:
    """Whether spikes end at `node`, with a cost."""
    if node.op_type in SHAPE_OPS:
        return False
    return is_neuron(node) or node.op_type not in PASSING or node.output[0] not in network.spiking


def _direct(network: Network, node: onnx.NodeProto, position: int) -> FanoutMap:
    """The cost of a spike on input `position` of `node`, where it ends."""
    if not is_neuron(node) and node.op_type in WEIGHTED and network.spike_driven(node):
        return synapse_map(network, node, position)
    return np.ones(network.shape(node.input[position]), np.int64)


def _traced(
    network: Network, pending: dict[str, FanoutMap], origins: set[str], numbers: dict[str, int]
) -> dict[str, FanoutMap]:
    """The costs of `pending` tensors, propagated backwards to the neurons and max pools from which
    their spikes come.
    """
    found: dict[str, FanoutMap] = {}
    while pending:
        name = max(pending, key=lambda tensor: numbers[tensor])  # its readers have all been here
        cost, node = pending.pop(name), network.nodes[numbers[name]]
        if name in origins:
            found[name] = cost
            continue
        for position, source in enumerate(node.input):
            if source in network.spiking:
                here = input_fanout(network, node, position, cost)
                pending[source] = pending[source] + here if source in pending else here
    return found


def macs(network: Network, node: onnx.NodeProto) -> int:
    """Multiply-accumulates of a synaptic layer for one sample, without those on padding."""
    if is_recurrent(node):
        return loop_macs(network, node)
    return int(synapse_map(network, node, list(node.input).index(network.activation_inputs(node)[0])).sum())


def synapse_map(network: Network, node: onnx.NodeProto, position: int = 0) -> FanoutMap:
    """The number of weights that each element of input `position` of a synaptic layer is multiplied with."""
    shape, out = network.shape(node.input[position]), network.shape(node.output[0])
    attributes = attributes_of(node)
    if node.op_type in ("Conv", "ConvTranspose"):
        weight = network.shape(node.input[1])
        transposed = node.op_type == "ConvTranspose"
        matrices = kernel_taps(attributes, weight[2:], shape[2:], out[2:], transposed=transposed)
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
    batch = out[: -2 if len(other) > 1 else -1]  # a matrix that is multiplied with several others is counted for each
    return np.full(shape, facing * prod(batch) // prod(shape[:-2]), np.int64)


def _edges_out(network: Network, node: onnx.NodeProto) -> FanoutMap:
    """The number of edges that start from each node, without edges of weight 0."""
    shape = network.shape(node.input[0])
    sources, weights = network.value(node.input[1]), network.value(node.input[3])
    if sources is None or weights is None:
        raise ModelError(f"the edges of Aggregate '{label(node)}' are computed; its fan-out is not known")
    degree = np.bincount(sources[weights != 0], minlength=shape[1])
    return np.broadcast_to(_along(degree.astype(np.int64), 1, 3), shape)


def _along(vector: FanoutMap, axis: int, rank: int) -> FanoutMap:
    return vector.reshape([-1 if i == axis else 1 for i in range(rank)])
