# SPDX-License-Identifier: Apache-2.0
"""Spikes that a neuron emits for given inputs, step by step, in the arithmetic of its op.

Neurons over time send one spike per step. Neurons that code a value in one call are run through their phases by the ops
that do one phase per call (snncc.ops.single_step), which fire identically to the last bit.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from snncc.execution.spike_trains.train import Bits, Sends, pack
from snncc.ops import get
from snncc.ops.arrays import Array
from snncc.ops.early_firing import PHASE_ENCODER, WAIT_ONE_SPIKE
from snncc.ops.few_spikes import FEW_SPIKES
from snncc.ops.integrate_and_fire import INTEGRATE, SIGNED_INTEGRATE
from snncc.ops.one_spike import ONE_SPIKE, RESIDUAL_ONE_SPIKE, as_phase
from snncc.ops.phase import PHASE
from snncc.ops.single_step import FEW_SPIKES_STEP, PHASE_STEP

__all__ = ["Emission", "Recorded", "emission_of", "wanted"]

Attributes = Mapping[str, Any]


@dataclass(frozen=True)
class Recorded:
    """Inputs of a layer in one batch, by their names in the op, and its outputs: see `wanted`."""

    inputs: Mapping[str, Array]
    sent: Array
    count: Array | None


def wanted(op: str) -> tuple[frozenset[str], bool]:
    """(Inputs of an `op` node that `Recorded` must hold, whether it must hold its `count` as well)."""
    over_time = get(op).stacks == "steps"
    return frozenset({"scale"} if over_time else {"X", "scale", "residual", "weight"}), over_time


@dataclass(frozen=True)
class Emission:
    """Emitted spikes; the fields are those of `Train`."""

    sends: Sends
    bits: Bits
    worth: npt.NDArray[np.float32] | None = None
    signs: Bits | None = None
    values: Array | None = None
    skips: int = 0


def _phases(given: Recorded, attributes: Attributes) -> Emission:
    x, scale = given.inputs["X"], given.inputs["scale"]
    return _run_phases(lambda _: x, scale, attributes)


def _one_spike(given: Recorded, attributes: Attributes) -> Emission:
    x, scale = given.inputs["X"], given.inputs["scale"]
    return _run_phases(lambda _: x, scale, as_phase(attributes))


def _residual_one_spike(given: Recorded, attributes: Attributes) -> Emission:
    x, residual = (given.inputs[name].astype(np.float32) for name in ("X", "residual"))
    both = x + residual * given.inputs["weight"]
    return _run_phases(lambda _: both, given.inputs["scale"], as_phase(attributes))


def _wait_one_spike(given: Recorded, attributes: Attributes) -> Emission:
    x, scale = given.inputs["X"], given.inputs["scale"]
    wait, last = int(attributes["wait"]), len(attributes["levels"]) - int(attributes["wait"])
    slices = x.reshape(last + 1, -1, *x.shape[1:])
    return _run_phases(lambda q: slices[min(q, last)], scale, as_phase(attributes), "slices", wait - 1)


def _encoder(given: Recorded, attributes: Attributes) -> Emission:
    x, scale = given.inputs["X"], given.inputs["scale"]
    return _run_phases(lambda _: x, scale, attributes, "slices", int(attributes["wait"]) - 1)


def _few_spikes(given: Recorded, attributes: Attributes) -> Emission:
    x, scale = given.inputs["X"], given.inputs["scale"]
    v = value = np.zeros(1, np.float32)
    fired = []
    for t in range(len(attributes["thresholds"])):
        step = np.array([t], np.int64)
        _, v, value, fires = FEW_SPIKES_STEP.reference([x, scale, v, value, step], {**attributes, "start": 0})
        fired.append(pack(fires[None]))
    return Emission("sum", np.concatenate(fired), np.asarray(attributes["values"], np.float32))


def _integrate(given: Recorded, attributes: Attributes) -> Emission:
    """IFNeuron: the value of all spikes is the scale."""
    fires = _fired(given, attributes)
    return Emission("steps", pack(fires), np.ones(len(fires), np.float32))


def _signed_integrate(given: Recorded, attributes: Attributes) -> Emission:
    """SignedIFNeuron: the value of all spikes is the scale or its negative."""
    signs = pack(_by_step(given.sent, attributes) < 0)
    return replace(_integrate(given, attributes), signs=signs)


def _stepwise(given: Recorded, attributes: Attributes) -> Emission:
    """Any other neuron over time: the value of a spike is the neuron's output at its step."""
    fires = _fired(given, attributes)
    values = _by_step(given.sent, attributes).swapaxes(0, 1)[fires.swapaxes(0, 1)]
    return Emission("steps", pack(fires), values=values)


def _run_phases(
    potential: Callable[[int], Array], scale: Array, attributes: Attributes, sends: Sends = "sum", skips: int = 0
) -> Emission:
    """All phases of PhaseNeuronStep; `potential(q)` is the neuron's potential at phase q."""
    rest = value = sent = np.zeros(1, np.float32)
    fired = []
    for q in range(len(attributes["levels"])):
        inputs = [potential(q), scale, rest, value, sent, np.array([q], np.int64)]
        _, rest, value, sent, fires = PHASE_STEP.reference(inputs, {**attributes, "start": 0})
        fired.append(pack(fires[None]))
    bits = np.concatenate(fired)
    signs = None
    if attributes["signed"]:
        signs = pack(((potential(0).astype(np.float32) / scale < 0) & (sent > 0))[None])
    return Emission(sends, bits, np.asarray(attributes["levels"], np.float32), signs, skips=skips)


def _fired(given: Recorded, attributes: Attributes) -> Array:
    assert given.count is not None
    return _by_step(given.count, attributes) > 0


def _by_step(stacked: Array, attributes: Attributes) -> Array:
    steps = int(attributes["steps"])
    return stacked.reshape(steps, stacked.shape[0] // steps, *stacked.shape[1:])


_FAMILIES: Mapping[str, Callable[[Recorded, Attributes], Emission]] = {
    ONE_SPIKE.name: _one_spike,
    RESIDUAL_ONE_SPIKE.name: _residual_one_spike,
    PHASE.name: _phases,
    WAIT_ONE_SPIKE.name: _wait_one_spike,
    PHASE_ENCODER.name: _encoder,
    FEW_SPIKES.name: _few_spikes,
    INTEGRATE.name: _integrate,
    SIGNED_INTEGRATE.name: _signed_integrate,
}


def emission_of(op: str) -> Callable[[Recorded, Attributes], Emission] | None:
    """The function that computes the emission of a layer of `op`; None if there is none."""
    return _FAMILIES.get(op, _stepwise if get(op).stacks == "steps" else None)
