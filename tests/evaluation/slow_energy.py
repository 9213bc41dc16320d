# SPDX-License-Identifier: Apache-2.0
"""Slow reference for the energy of arithmetic and memory accesses, with its own copy of the cost table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tests.evaluation.slow import Stage

__all__ = ["Costs", "energy"]


@dataclass
class Costs:
    """Picojoules of a MAC and an addition, and the bits that weights and activations have."""

    mac: float
    ac: float
    bits: int


def access(bits: int, elements: int) -> float:
    """Picojoules of an access: 10, 20 and 100 pJ for 64 bits of 8 KiB, 32 KiB and 1 MiB."""
    held = bits * elements / 8
    return bits / 64 * (10 if held <= 8192 else 20 if held <= 32768 else 100 if held <= 1048576 else 1300)


def analog_movement(stage: Stage, weight_bits: int, bits: int, reuse: bool) -> float:
    """Accesses of a layer that multiplies, one by one."""
    inputs, outputs, weights = (stage.distinct(end) for end in range(3))
    moved = sum(access(bits, outputs) for _ in range(outputs))
    if reuse:
        moved += sum(access(weight_bits, weights) for _ in range(weights))
        return moved + sum(access(bits, inputs) for _ in range(inputs))
    return moved + sum(access(weight_bits, weights) + access(bits, inputs) for _ in stage.connections)


def energy(
    stages: Sequence[Stage],
    identities: Sequence[dict[str, Any]],
    neurons: Sequence[dict[str, Any]],
    costs: Costs,
    window: int,
    bits: int,
) -> dict[str, Any]:
    """One arithmetic's entry; `identities` have `size`, the number of potentials there."""
    few_mac = costs.ac + (costs.mac - costs.ac) * min(bits, costs.bits) / costs.bits
    ann = sum(s.macs for s in stages) * costs.mac
    few = sum(s.macs for s in stages) * few_mac
    additions = sum(s.additions for s in stages) + sum(i["snn_synaptic"] + i["snn_current"] for i in identities)
    analog = [s for s in stages if s.arriving is None]
    snn = sum(s.macs for s in analog) * costs.mac + additions * costs.ac
    formula = sum(s.macs for s in analog) * costs.mac
    formula += sum(s.macs * s.rate for s in stages if s.rate is not None) * costs.ac
    found = {"ann_nj": ann / 1e3, "few_bits_nj": few / 1e3, "snn_nj": snn / 1e3}
    found |= {"gain": ann / snn, "formula_gain": ann / formula, "few_bits_gain": few / snn}
    with_memory = {}
    for name, reuse in (("reuse", True), ("no_reuse", False)):
        theirs = ann + sum(analog_movement(s, costs.bits, costs.bits, reuse) for s in stages)
        fewer = few + sum(analog_movement(s, costs.bits, min(bits, costs.bits), reuse) for s in stages)
        ours = snn + sum(analog_movement(s, costs.bits, costs.bits, reuse) for s in analog)
        for s in stages:
            potential = access(32, s.distinct(1))
            ours += s.additions * (access(costs.bits, s.distinct(2)) + potential + potential)
        for i in identities:
            potential = access(32, i["size"])
            ours += i["snn_synaptic"] * 2 * potential + i["snn_current"] * 3 * potential
        for layer in neurons:
            for _ in range(layer["neurons"]):
                ours += (1 + window) * access(32, layer["neurons"])
            ours += layer["spikes"] * 3 * access(32, layer["neurons"])
        with_memory[name] = {"ann_nj": theirs / 1e3, "few_bits_nj": fewer / 1e3, "snn_nj": ours / 1e3}
        with_memory[name] |= {"gain": theirs / ours, "few_bits_gain": fewer / ours}
    return {**found, "with_memory": with_memory}
