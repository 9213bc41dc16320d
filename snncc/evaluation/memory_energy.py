# SPDX-License-Identifier: Apache-2.0
"""Energy of memory accesses: reads and writes of weights, activations, potentials and spikes.

Each layer has separate memories for weights, for input values and for outputs or potentials, each the smallest with
sufficient size: 8 KiB, 32 KiB or 1 MiB of SRAM at 10, 20 or 100 pJ for 64 bits, else DRAM at 1.3 nJ, the lower end of
the published range (45 nm; Horowitz, ISSCC 2014). An access of fewer bits costs the proportional share.

An ANN's layer writes every output once; sums are kept in registers. Its weights and input values are read
    with reuse      once for a sample, which is the best that any order of the loops can reach
    without         once for each multiply-accumulate, which is the worst
and accelerators lie between the two. In the SNN spikes come in no order, so that nothing can be kept in registers:
    an addition by a spike      reads its weight (none through an identity synapse), reads and writes the potential
    one of a constant current   reads the current, reads and writes the potential
    a neuron                    has its potential set once, and read at each of its T time steps to compare it
    a spike                     is written and read once, as an address, and resets its neuron's potential by a write
    a layer of analog values    moves what it moves in the ANN, at each of its runs
Potentials, addresses and currents have 32 bits; weights, and activations of the ANN, have those of the arithmetic, or
the few bits of the ANN that `snncc.evaluation.energy` compares with.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from snncc.evaluation.energy import Costs, Energy, Layer, Sizes
from snncc.evaluation.spike_counter import LayerTotal

__all__ = ["MemoryEnergy", "access", "movement"]

_SRAM = ((8 * 2**13, 10.0), (32 * 2**13, 20.0), (2**23, 100.0))  # capacity in bits, pJ for 64 bits
_DRAM = 1300.0
_WORD = 32


@dataclass(frozen=True)
class MemoryEnergy:
    """Energy of all memory accesses for one sample, in picojoules: of the ANN, of an ANN with few bits, of the SNN."""

    ann: float
    few_bits: float
    snn: float


def access(bits: int, elements: int) -> float:
    """Energy in picojoules of one access to an element of `bits`, in a memory of so many."""
    whole = next((cost for capacity, cost in _SRAM if bits * elements <= capacity), _DRAM)
    return whole * bits / 64


def movement(
    energy: Energy, neurons: Sequence[LayerTotal], *, steps: int, bits: int, costs: Costs, reuse: bool
) -> MemoryEnergy | None:
    """Memory accesses of both networks, and of the ANN with activations of `bits`; None with recurrent layers.

    Args:
        energy: The operations of both networks.
        neurons: The spikes of each layer.
        steps: Time steps in which a neuron may fire.
        bits: Of the activations of the ANN that has few.
        costs: Says how many bits weights and activations have.
        reuse: Whether the ANN reads a weight or value once for a sample, or for each multiply-accumulate.
    """
    layers = [layer.sizes for layer in (*energy.ann_layers, *energy.layers, *energy.identities)]
    if None in layers:
        return None
    few = min(bits, costs.bits)
    return MemoryEnergy(
        ann=sum(_analog(layer, costs.bits, costs.bits, reuse) for layer in energy.ann_layers),
        few_bits=sum(_analog(layer, costs.bits, few, reuse) for layer in energy.ann_layers),
        snn=_synapses(energy, costs.bits, reuse) + sum(_neurons(layer, steps) for layer in neurons),
    )


def _analog(layer: Layer, weight_bits: int, bits: int, reuse: bool) -> float:
    """A layer that computes with activations of `bits`."""
    sizes = _known(layer)
    read = (sizes.weights, sizes.inputs) if reuse else (layer.macs, layer.macs)
    value = access(bits, sizes.inputs)
    weight = access(weight_bits, sizes.weights) if sizes.weights else value  # a product of two activations has none
    return read[0] * weight + read[1] * value + sizes.outputs * access(bits, sizes.outputs)


def _synapses(energy: Energy, bits: int, reuse: bool) -> float:
    total = 0.0
    for layer in (*energy.layers, *energy.identities):
        sizes = _known(layer)
        potential = access(_WORD, sizes.outputs)
        weight = access(bits, sizes.weights) if sizes.weights else 0.0
        total += layer.synaptic_operations * (weight + 2 * potential) + layer.current_additions * 3 * potential
        if layer.analog_macs:
            total += layer.analog_macs / layer.macs * _analog(layer, bits, bits, reuse)
    return total


def _neurons(layer: LayerTotal, steps: int) -> float:
    return (layer.neurons * (1 + steps) + layer.total * 3) * access(_WORD, layer.neurons)


def _known(layer: Layer) -> Sizes:
    assert layer.sizes is not None, layer.name
    return layer.sizes
