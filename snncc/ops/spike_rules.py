# SPDX-License-Identifier: Apache-2.0
"""Rules by which ops declare their spikes step by step, for spike trains, membrane potentials and counts per step."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from snncc.ops.arrays import Array

__all__ = ["Activity", "SpikeSteps", "remainder", "soft_reset"]

Signs = Literal["", "neuron", "spike"]


@dataclass(frozen=True)
class SpikeSteps:
    """How a neuron that codes a value in one call sends spikes at its T steps.

    Attributes:
        fires: (potential [J, N, …] in float32, scale, attributes) -> T arrays [N, …]: 1 where a neuron fires, -1 for a
            negative spike, 0 for none, as in the op to the last bit. Step t reads slice min(t, J - 1) of the potential.
        tables: Attributes with the values of spikes at steps 0, 1 …, in units of `scale`; several ones are joined.
        signs: Whether spikes have signs: one sign per `neuron`, one per `spike`, or none, for given attributes.
        most: The maximum number of spikes of a neuron, for given attributes.
        free_values: Whether the values have no effect on when the neuron fires.
        slices: J for given attributes.
    """

    fires: Callable[[Array, Array, Mapping[str, Any]], Iterable[Array]]
    tables: tuple[str, ...]
    signs: Callable[[Mapping[str, Any]], Signs] = lambda _: ""
    most: Callable[[Mapping[str, Any]], int] = lambda _: 1
    free_values: bool = False
    slices: Callable[[Mapping[str, Any]], int] = lambda _: 1

    def values(self, attributes: Mapping[str, Any]) -> Array:
        """The value of a spike at each step, [T], float32, in units of `scale`."""
        return np.concatenate([np.asarray(attributes[name], np.float32) for name in self.tables])

    def code(self, x: Array, attributes: Mapping[str, Any]) -> Array:
        """The value that the neuron sends for each potential in `x`, both in units of `scale`; float32."""
        total = np.zeros(x.shape, np.float32)
        steps = self.fires(x[None].astype(np.float32), np.ones(1, np.float32), attributes)
        for value, fires in zip(self.values(attributes), steps, strict=True):
            total = total + fires.astype(np.float32) * value
        return total


@dataclass(frozen=True)
class Activity:
    """What one sample brings a layer and what the layer sends, in units of its scale, in float64.

    Attributes:
        arriving: The potential, [J, …], or the currents of a neuron over time, [T, …].
        sent: The values of the spikes, negative ones with their sign, [T, …].
        fired: Where there are spikes, [T, …].
        states: The first value of each state.
    """

    arriving: Array
    sent: Array
    fired: Array
    states: Mapping[str, float]


def soft_reset(activity: Activity, attributes: Mapping[str, Any]) -> Array:
    """V_t = V_(t-1) + I_t + bias - sent_t, from the state V."""
    currents = activity.arriving + attributes.get("bias", 0.0) - activity.sent
    return np.asarray(activity.states["V"] + np.cumsum(currents, axis=0))


def remainder(activity: Activity, attributes: Mapping[str, Any]) -> Array:
    """The potential so far until the neuron first fires; then what its spikes leave of it."""
    arrived = np.abs(activity.arriving) if attributes.get("signed") else activity.arriving
    rest, sent, found = arrived[0], np.zeros(arrived.shape[1:], np.bool_), []
    for step, (fired, value) in enumerate(zip(activity.fired, np.abs(activity.sent), strict=True)):
        rest = np.where(sent, rest, arrived[min(step, len(arrived) - 1)]) - value
        sent = sent | fired
        found.append(rest)
    return np.array(found)
