# SPDX-License-Identifier: Apache-2.0
"""Operations of both networks per layer, from the spike counts.

MACs on padding are not counted, since hardware does not execute them.

A recurrent layer passes analog values, the products of gates and states, from step to step of the sequence: its
recurrent weights cost MACs, as in the ANN; those on its input have the cost of an ordinary layer. A gate's spike costs
one addition.

A product of two coded tensors changes by ΔA·B + A·ΔB: each spike of one side costs as many additions as it meets
values of the other. What else is computed with values, such as norms, softmax and other curves, has the same cost as in
the ANN, and is counted in neither.

Over time, a layer with a constant current as input (the network's input, in rate codes) executes its MACs once per
sample. Its output is added to the potentials at every step, one addition per step and neuron, which the exact count
includes. A layer with analog inputs that change with time executes its MACs at every step.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from math import prod

import numpy as np
import numpy.typing as npt
import onnx

from snncc.analysis.network_view import Network
from snncc.evaluation.energy import Energy, Layer, Sizes, SynapticLayer
from snncc.evaluation.fanout import macs, spike_targets
from snncc.evaluation.spike_counter import LayerSpikes
from snncc.ir.nodes import attributes_of, is_recurrent, label
from snncc.ops import get
from snncc.ops.aggregate import AGGREGATE
from snncc.ops.arrays import Array

__all__ = ["measure"]


def measure(
    snn: Network, ann: Network, spikes: Sequence[LayerSpikes], passed: Mapping[str, npt.NDArray[np.float64]]
) -> Energy:
    """The operations of both networks for one sample, from the counts of spikes and of spikes that passed max pools."""
    fired = {layer.tensor: layer for layer in spikes}
    arrived = _arrived(snn, spikes, passed)
    currents = _current_additions(snn)
    accumulators = {n.output[0]: get(n.op_type).accumulators(attributes_of(n)) for n in snn.neurons}
    layers = []
    for node in snn.synapses:
        target, carriers, made = node.output[0], snn.activation_inputs(node), macs(snn, node)
        rate, feeding = None, set[str]()
        if snn.spike_driven(node):
            senders = [{n.output[0] for n in snn.sources(name)} for name in carriers]
            feeding = set().union(*senders)
            rate = sum(_rate(fired, tensors) for tensors in senders)  # of a product, that of both sides
        analog = made * _runs(snn, carriers) if rate is None else 0
        levels = sum(accumulators[t] for t in feeding) * prod(snn.shape(target)) * _runs(snn, carriers)
        found = (rate, analog, arrived.pop(target, 0.0), currents.pop(target, 0), levels, tuple(sorted(feeding)))
        layers.append(SynapticLayer(label(node), node.op_type, made, _sizes(snn, node), *found))
    return Energy(
        ann_layers=tuple(Layer(label(n), n.op_type, macs(ann, n), _sizes(ann, n)) for n in ann.synapses),
        layers=tuple(layers),
        identities=tuple(_identities(snn, spikes, arrived, currents)),
        quantised=_quantised(snn),
    )


def _rate(fired: Mapping[str, LayerSpikes], tensors: Iterable[str]) -> float:
    """Mean spikes of the neurons that compute `tensors`."""
    layers = [fired[t] for t in tensors]
    return sum(x.total for x in layers) / sum(x.neurons for x in layers)


def _arrived(
    network: Network, spikes: Sequence[LayerSpikes], passed: Mapping[str, npt.NDArray[np.float64]]
) -> dict[str, float]:
    """By computed tensor: additions caused by spikes; a gate's spikes are added to its value."""
    sent = {layer.tensor: layer.spikes for layer in spikes} | dict(passed)
    found = {layer.tensor: layer.total for layer in spikes if layer.gate}
    for target, costs in spike_targets(network):
        here = sum(float(np.sum(sent[tensor] * cost)) for tensor, cost in costs.items())
        found[target] = found.get(target, 0.0) + here
    return found


def _identities(
    network: Network, spikes: Sequence[LayerSpikes], arrived: Mapping[str, float], currents: Mapping[str, int]
) -> Iterable[SynapticLayer]:
    """Nodes that receive spikes and currents without weights, in the order of the graph; then the gates."""
    for node in network.nodes:
        for target in node.output:
            if target in arrived or target in currents:
                size = prod(network.shape(target))
                found = (None, 0, arrived.get(target, 0.0), currents.get(target, 0))
                yield SynapticLayer(label(node), node.op_type, 0, Sizes(0, size, size), *found)
    for layer in spikes:
        if layer.gate:
            yield SynapticLayer(layer.name, "gate", 0, None, None, 0, arrived[layer.tensor])


def _sizes(network: Network, node: onnx.NodeProto) -> Sizes | None:
    if is_recurrent(node):
        return None
    carriers = [name for name in node.input[:2] if name in network.activations]
    stored = [node.input[3]] if node.op_type == AGGREGATE.name else [n for n in node.input[:2] if n not in carriers]
    weights, inputs = (sum(prod(network.shape(name)) for name in names) for names in (stored, carriers))
    return Sizes(weights, inputs, prod(network.shape(node.output[0])))


def _runs(network: Network, tensors: Iterable[str]) -> int:
    """The number of runs of the users of `tensors` for one sample: slices are parts of values, not of time."""
    return network.fold.count if any(network.fold.kind_of(t) == "steps" for t in tensors) else 1


def _quantised(network: Network) -> bool:
    """Whether the weights of all synapses are stored as 8-bit integers."""
    made = {n.output[0]: n.input[0] for n in network.nodes if n.op_type in ("Cast", "DequantizeLinear")}

    def stored(tensor: str) -> Array | None:
        return stored(made[tensor]) if tensor in made else network.value(tensor)

    weights = [stored(name) for n in network.synapses for name in n.input[:2] if name not in network.activations]
    return bool(weights) and all(w is not None and w.dtype.itemsize == 1 for w in weights)


def _current_additions(network: Network) -> dict[str, int]:
    """One addition per step and element, wherever a constant current is read; by what is computed there.

    Neurons that send differences need a constant current in the first step only.
    """
    once = any(get(n.op_type).spike_values is not None for n in network.neurons)
    found: dict[str, int] = {}
    for node in network.nodes:
        for name in node.input:
            if name in network.fold.repeated and _runs(network, [name]) > 1:
                added = prod(network.shape(name)) * (1 if once else _runs(network, [name]))
                found[node.output[0]] = found.get(node.output[0], 0) + added
    return found
