# SPDX-License-Identifier: Apache-2.0
"""Energy of a network's arithmetic in a 45 nm process (Horowitz, ISSCC 2014; one_spike.txt, eq. 6).

Two figures give the gain over the ANN. The papers' formula takes every synaptic layer's MACs times the mean spikes per
neuron of its input:  η = E_mac Σ MAC_l / (E_ac Σ MAC_l s_l), with E_mac/E_ac = 4.6/0.9 = 5.11.  The exact count takes
each spike times its own fan-out. In both, a layer with analog inputs costs MACs, as in the ANN.

Neither compares with an ANN whose activations have only as many values as a spiking neuron can send. Its activations
need b = ⌈log2(T + 1)⌉ bits (K with few spikes), and its weights are unchanged. A multiplier adds up one row per bit of
the activation, so that its energy is proportional to b; the addition after it is unchanged:  E_mac(b) = E_ac + (E_mac -
E_ac) b/B, with B bits in full. By the same dependence on the width, 8 x 8 bits cost a 16th of 32 x 32; Horowitz has 0.2
and 3.1 pJ.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["FLOAT32", "INT8", "Costs", "Energy", "Layer", "Sizes", "SynapticLayer"]


@dataclass(frozen=True)
class Costs:
    """Energy of a multiply-accumulate and of an accumulate, in picojoules, of weights and activations of `bits`."""

    mac: float
    ac: float
    bits: int

    def mac_of(self, bits: int) -> float:
        """Energy of a multiply-accumulate with activations of `bits`, at most its own bits, in picojoules."""
        return self.ac + (self.mac - self.ac) * min(bits, self.bits) / self.bits


FLOAT32 = Costs(mac=4.6, ac=0.9, bits=32)
INT8 = Costs(mac=0.23, ac=0.03, bits=8)


@dataclass(frozen=True)
class Sizes:
    """How many weights, input values and outputs a layer has, for one sample."""

    weights: int
    inputs: int
    outputs: int


@dataclass(frozen=True)
class Layer:
    """A layer of synapses.

    Attributes:
        name: its node.
        op: the op of that node.
        macs: multiply-accumulates that it takes in the ANN, per sample.
        sizes: sizes of its tensors; None for a recurrent layer, which has several.
    """

    name: str
    op: str
    macs: int
    sizes: Sizes | None


@dataclass(frozen=True)
class SynapticLayer(Layer):
    """A layer of the spiking network, or a node without weights that receives spikes, such as a residual sum.

    Attributes:
        rate: mean spikes per sample of its input neurons; None for analog inputs.
        analog_macs: multiply-accumulates caused by analog inputs, over all time steps.
        synaptic_operations: additions that spikes cost here, mean over the samples.
        current_additions: additions of constant currents here, over all time steps.
        level_macs: multiply-accumulates of accumulators, one for each level of a spike, over all time steps.
        fed_by: the spikes (tensors of neurons) that `rate` is the mean of.
    """

    rate: float | None = None
    analog_macs: int = 0
    synaptic_operations: float = 0.0
    current_additions: int = 0
    level_macs: int = 0
    fed_by: tuple[str, ...] = ()

    def ann(self, costs: Costs = FLOAT32) -> float:
        """Energy of its arithmetic in the ANN for one sample, in picojoules."""
        return self.macs * costs.mac

    def snn(self, costs: Costs = FLOAT32) -> float:
        """Energy of its arithmetic in the SNN for one sample by the exact count, in picojoules."""
        macs = self.analog_macs + self.level_macs
        return macs * costs.mac + (self.synaptic_operations + self.current_additions) * costs.ac


@dataclass(frozen=True)
class Energy:
    """Operations per sample, mean over the samples.

    Attributes:
        ann_layers: the layers of the ANN.
        layers: the layers of synapses of the SNN.
        identities: other nodes that receive spikes and constant currents, one addition each.
        quantised: whether all weights of the SNN are 8-bit integers.
    """

    ann_layers: tuple[Layer, ...]
    layers: tuple[SynapticLayer, ...]
    identities: tuple[SynapticLayer, ...] = ()
    quantised: bool = False

    @property
    def ann_macs(self) -> int:
        """MACs of the ANN."""
        return sum(layer.macs for layer in self.ann_layers)

    @property
    def analog_macs(self) -> int:
        """MACs of the SNN's layers with analog inputs, over all time steps."""
        return sum(layer.analog_macs for layer in self.layers)

    @property
    def spike_share(self) -> float | None:
        """The share of the MACs of all synaptic layers whose inputs are spikes; None without such layers."""
        total = sum(layer.macs for layer in self.layers)
        return sum(layer.macs for layer in self.layers if layer.rate is not None) / total if total else None

    @property
    def level_macs(self) -> int:
        """MACs of the accumulators of spikes' levels, over all time steps."""
        return sum(layer.level_macs for layer in self.layers)

    @property
    def synaptic_operations(self) -> float:
        """Additions in the SNN: each spike times its fan-out, the input's spikes included."""
        return sum(layer.synaptic_operations for layer in (*self.layers, *self.identities))

    @property
    def formula_operations(self) -> float:
        """The same by the papers' formula, Σ MAC_l s_l."""
        return sum(layer.macs * layer.rate for layer in self.layers if layer.rate is not None)

    @property
    def current_additions(self) -> int:
        """Further additions in the SNN: constant currents to potentials, at every step."""
        return sum(layer.current_additions for layer in (*self.layers, *self.identities))

    def ann(self, costs: Costs = FLOAT32) -> float:
        """Energy of the ANN for one sample, in picojoules."""
        return self.ann_macs * costs.mac

    def few_bits(self, bits: int, costs: Costs = FLOAT32) -> float:
        """Energy of an ANN whose activations have `bits`, for one sample, in picojoules."""
        return self.ann_macs * costs.mac_of(bits)

    def snn(self, costs: Costs = FLOAT32) -> float:
        """Energy of the SNN for one sample by the exact count, in picojoules."""
        return sum(layer.snn(costs) for layer in (*self.layers, *self.identities))

    def gain(self, costs: Costs = FLOAT32) -> float | None:
        """Ratio of the ANN's energy to the SNN's, by the exact count; None if the SNN's is 0."""
        return self.ann(costs) / self.snn(costs) if self.snn(costs) else None

    def few_bits_gain(self, bits: int, costs: Costs = FLOAT32) -> float | None:
        """Ratio of the energy of an ANN with activations of `bits` to the SNN's; None if the SNN's is 0."""
        return self.few_bits(bits, costs) / self.snn(costs) if self.snn(costs) else None

    def formula_gain(self, costs: Costs = FLOAT32) -> float | None:
        """The gain over the ANN by the papers' formula (eq. 6); None if the SNN's energy is 0."""
        snn = (self.analog_macs + self.level_macs) * costs.mac + self.formula_operations * costs.ac
        return self.ann(costs) / snn if snn else None
