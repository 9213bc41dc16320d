# SPDX-License-Identifier: Apache-2.0
"""A third-party coding: several thresholds, spikes of both signs.

A neuron compares its potential with n thresholds, largest first, each half of the one before, and sends at most
`spikes` spikes; the potential loses what they are worth. Where values have both signs, spikes carry the sign.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from snncc.coding import Coding
from snncc.coding.base import add_neuron
from snncc.coding.settings import setting
from snncc.ops.phase import PHASE


@dataclass(frozen=True)
class SignedThreshold(Coding):
    """Spikes of n sizes.

    Args:
        thresholds: How many thresholds a neuron has.
        highest: The largest one, in units of the scale.
        input: Whether the network's input is coded like that as well.
    """

    name: ClassVar[str] = "signed-threshold"
    title: ClassVar[str] = "Signed spikes of several thresholds"
    signed_neurons: ClassVar[bool] = True
    steps_field: ClassVar[str] = "thresholds"
    steps_grid: ClassVar[tuple[int, ...]] = (2, 4, 6, 8, 12)
    thresholds: int = setting(
        8, "Number of thresholds.", least=1, most=24, refusal="thresholds is {}, but there may be 1 to 24"
    )
    highest: float = setting(0.5, "The largest threshold, in units of the scale.", above=0, metavar="H")
    input: str = setting("analog", "How the network's input is coded.", choices=("signed", "analog"))

    def attributes(self, *, signed: bool) -> dict[str, Any]:
        """Of a PhaseNeuron."""
        levels = (self.highest * 2.0 ** -np.arange(self.thresholds)).astype(np.float32).tolist()
        rounding = [*levels[:-1], levels[-1] / 2]
        return {
            "levels": levels,
            "thresholds": rounding,
            "last_thresholds": rounding,
            "max_spikes": self.thresholds,
            "signed": int(signed),
        }

    def neuron(self, graph, potential, scale, name):
        return add_neuron(graph, "PhaseNeuron", potential, scale, self.attributes(signed=False), name)

    def signed_neuron(self, graph, potential, scale, name):
        return add_neuron(graph, "PhaseNeuron", potential, scale, self.attributes(signed=True), name)

    def encoder(self, graph, source, maximum, name):
        if self.input == "analog":
            return None
        unit = maximum / (2 * self.highest)
        return add_neuron(graph, "PhaseNeuron", source, unit, self.attributes(signed=True), name)

    @property
    def largest(self):
        return float(sum(self.attributes(signed=False)["levels"]))

    def code(self, activations):
        given = [activations.astype(np.float32), np.ones(1, np.float32)]
        return PHASE.reference(given, self.attributes(signed=False))[0].astype(np.float64)

    @property
    def steps(self):
        return self.thresholds

    @property
    def interval(self):
        return self.thresholds

    def latency(self, layers):
        return self.thresholds * (layers + 1)
