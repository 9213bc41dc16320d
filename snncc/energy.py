# SPDX-License-Identifier: Apache-2.0
"""What a network costs: operations, and energy in a 45 nm process (Horowitz, ISSCC 2014; one_spike.txt, eq. 6).

Two figures for the gain over the ANN. The papers' formula takes every synaptic layer's MACs times the mean spikes per
neuron that feeds it:  η = E_mac Σ MAC_l / (E_ac Σ MAC_l s_l), with E_mac/E_ac = 4.6/0.9 = 5.11.  The exact count
takes each spike times its own fan-out. In both, a layer that is fed by analog values costs MACs, as in the ANN.
MACs with padding are counted nowhere, because no hardware makes them.

A recurrent layer hands analog values, the products of gates and states, from step to step of the sequence: its
recurrent weights cost MACs, as in the ANN, those on its input what they cost in any layer. A gate's spike costs one
addition.

Over time, a layer that is fed by a constant current (the network's input, in rate codes) makes its MACs once per
sample; what comes out of it is added to the potentials at every step, an addition per step and neuron, which the exact
count charges as such. A layer that is fed by analog values which change with time makes its MACs at every step.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
import numpy.typing as npt

from snncc.counting import LayerSpikes
from snncc.fanout import fanouts, macs
from snncc.network import Network, label

__all__ = ["FLOAT32", "INT8", "Costs", "Energy", "SynapticLayer", "measure"]


@dataclass(frozen=True)
class Costs:
    """Energy of a multiply-accumulate and of an accumulate, in picojoules."""

    mac: float
    ac: float


_GATE = np.ones((), np.int64)  # what a spike of a gate in a recurrent layer costs: it is added to the gate's value

FLOAT32 = Costs(mac=4.6, ac=0.9)
INT8 = Costs(mac=0.23, ac=0.03)


@dataclass(frozen=True)
class SynapticLayer:
    """A layer of synapses in the spiking network.

    Attributes:
        name: its node.
        macs: multiply-accumulates that it takes in the ANN, per sample.
        rate: mean spikes per sample of the neurons that feed it; None if analog values do.
    """

    name: str
    macs: int
    rate: float | None


@dataclass(frozen=True)
class Energy:
    """Operations per sample, mean over the samples.

    Attributes:
        ann_macs: MACs of the ANN.
        analog_macs: MACs of those layers of the SNN that are fed by analog values, over all time steps.
        synaptic_operations: additions in the SNN: each spike times its fan-out, the input's spikes included.
        formula_operations: the same after the papers' formula, Σ MAC_l s_l.
        current_additions: further additions in the SNN: those of constant currents to potentials, at every step.
        layers: the synaptic layers.
        quantised: whether all weights of the SNN are 8-bit integers.
    """

    ann_macs: int
    analog_macs: int
    synaptic_operations: float
    formula_operations: float
    current_additions: int = 0
    layers: tuple[SynapticLayer, ...] = ()
    quantised: bool = False

    def ann(self, costs: Costs = FLOAT32) -> float:
        """Energy of the ANN for one sample, in picojoules."""
        return self.ann_macs * costs.mac

    def snn(self, costs: Costs = FLOAT32) -> float:
        """Energy of the SNN for one sample by the exact count, in picojoules."""
        return self.analog_macs * costs.mac + (self.synaptic_operations + self.current_additions) * costs.ac

    def gain(self, costs: Costs = FLOAT32) -> float | None:
        """How many times less energy the SNN takes, by the exact count; None if it takes none at all."""
        return self.ann(costs) / self.snn(costs) if self.snn(costs) else None

    def formula_gain(self, costs: Costs = FLOAT32) -> float | None:
        """The same by the papers' formula (eq. 6); None if the SNN takes none at all."""
        snn = self.analog_macs * costs.mac + self.formula_operations * costs.ac
        return self.ann(costs) / snn if snn else None


def measure(
    snn: Network, ann: Network, spikes: Sequence[LayerSpikes], passed: Mapping[str, npt.NDArray[np.float64]]
) -> Energy:
    """What both networks cost for one sample, from the spikes that were counted, and those that passed max pools."""
    fired = {layer.tensor: layer for layer in spikes}
    costs = fanouts(snn)
    sent = {layer.tensor: layer.spikes for layer in spikes} | dict(passed)
    layers = []
    analog = 0
    for node in snn.synapses:
        carriers = snn.carriers(node)
        rate = None
        if snn.spike_driven(node):
            feeding = {n.output[0] for name in carriers for n in snn.sources(name)}
            rate = sum(fired[t].total for t in feeding) / sum(fired[t].neurons for t in feeding)
        else:
            analog += macs(snn, node) * _runs(snn, carriers)
        layers.append(SynapticLayer(label(node), macs(snn, node), rate))
    return Energy(
        ann_macs=sum(macs(ann, node) for node in ann.synapses),
        analog_macs=analog,
        synaptic_operations=float(sum(np.sum(count * costs.get(tensor, _GATE)) for tensor, count in sent.items())),
        formula_operations=sum(layer.macs * layer.rate for layer in layers if layer.rate is not None),
        current_additions=_current_additions(snn),
        layers=tuple(layers),
        quantised=_quantised(snn),
    )


def _runs(network: Network, tensors: Iterable[str]) -> int:
    """How often what reads `tensors` runs for one sample: slices are parts of values, not of time."""
    return network.fold.count if any(network.fold.kind_of(t) == "steps" for t in tensors) else 1


def _quantised(network: Network) -> bool:
    """Whether the weights of all synapses are stored as 8-bit integers."""
    made = {n.output[0]: n.input[0] for n in network.nodes if n.op_type in ("Cast", "DequantizeLinear")}

    def stored(tensor: str) -> npt.NDArray[Any] | None:
        return stored(made[tensor]) if tensor in made else network.value(tensor)

    weights = [stored(name) for n in network.synapses for name in n.input[:2] if name not in network.activations]
    return bool(weights) and all(w is not None and w.dtype.itemsize == 1 for w in weights)


def _current_additions(network: Network) -> int:
    """One addition per step and element, wherever a constant current is read."""
    currents = [t for n in network.nodes for t in n.input if t in network.fold.repeated]
    return sum(prod(network.shape(t)) * _runs(network, [t]) for t in currents if _runs(network, [t]) > 1)
