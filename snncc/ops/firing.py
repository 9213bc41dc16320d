# SPDX-License-Identifier: Apache-2.0
"""Spikes at each step of a neuron that codes a value in one call, by the op that does one of its steps per call."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from snncc.ops.arrays import Array
from snncc.ops.registry import get

__all__ = ["phase_fires", "steps_fired"]


def steps_fired(op: str, potential: Array, scale: Array, attributes: Mapping[str, Any], steps: int) -> Iterator[Array]:
    """Whether each neuron fires, [N, …], at each of the steps, by the single-step `op`; potential [J, N, …]."""
    step = get(op)
    states: dict[str, Array] = dict.fromkeys(step.states, np.zeros(1, np.float32))
    for t in range(steps):
        given = {"X": potential[min(t, len(potential) - 1)], "scale": scale, "step": np.array([t], np.int64), **states}
        outputs = step.reference([given[p.name] for p in step.inputs], {**attributes, "start": 0})
        left = dict(zip((p.name for p in step.outputs), outputs, strict=True))
        states = {name: left[after] for name, after in step.states.items()}
        yield left["count"]


def phase_fires(potential: Array, scale: Array, attributes: Mapping[str, Any]) -> Iterator[Array]:
    """Spikes at each phase, with the sign of the potential if `signed`; one-spike neurons have no such attribute."""
    general = {"last_thresholds": attributes["thresholds"], "max_spikes": 1, "signed": 0, **attributes}
    sign = np.where(general["signed"] and potential[0] / scale < 0, -1, 1)
    for fired in steps_fired("PhaseNeuronStep", potential, scale, general, len(attributes["levels"])):
        yield fired * sign
