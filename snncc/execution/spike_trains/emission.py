# SPDX-License-Identifier: Apache-2.0
"""Spikes that a neuron emits for given inputs, step by step, in the arithmetic of its op.

Neurons over time send one spike per step. Ops that code a value in one call declare their spikes at each step
(`OpDef.spike_steps`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from snncc.execution.spike_trains.train import Bits, Sends, pack
from snncc.ops import OpDef, get
from snncc.ops.arrays import Array

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
    definition = get(op)
    over_time = definition.stacks == "steps"
    some = over_time and definition.spike_values is None
    return frozenset({"scale"} if some else (p.name for p in definition.inputs)), over_time


@dataclass(frozen=True)
class Emission:
    """Emitted spikes; the fields are those of `Train`."""

    sends: Sends
    bits: Bits
    worth: npt.NDArray[np.float32] | None = None
    signs: Bits | None = None
    values: Array | None = None
    skips: int = 0


def _in_one_call(given: Recorded, op: OpDef, attributes: Attributes) -> Emission:
    """A neuron that codes a value in one call: the spikes that its op declares."""
    rule = op.spike_steps
    assert rule is not None
    arrived = op.arriving({name: value.astype(np.float32) for name, value in given.inputs.items()})
    slices = arrived.reshape(rule.slices(attributes), -1, *arrived.shape[1:])
    fired, negative = [], []
    for spikes in rule.fires(slices, given.inputs["scale"], attributes):
        fired.append(pack((spikes != 0)[None]))
        negative.append(pack((spikes < 0)[None]))
    bits, signs = np.concatenate(fired), None
    if kind := rule.signs(attributes):
        signs = np.concatenate(negative)
        signs = np.bitwise_or.reduce(signs, axis=0, keepdims=True) if kind == "neuron" else signs
    sends: Sends = "slices" if op.stacks == "slices" else "sum"
    skips = len(bits) - given.sent.shape[0] // bits.shape[1] if sends == "slices" else 0
    return Emission(sends, bits, rule.values(attributes), signs, skips=skips)


def _over_time(given: Recorded, op: OpDef, attributes: Attributes) -> Emission:
    """A neuron over time: the value of a spike is the scale, the output at its step, or what the op declares."""
    assert given.count is not None
    fires, sent = (_by_step(stacked, attributes) for stacked in (given.count > 0, given.sent))
    if op.spike_values is not None:
        values = op.spike_values(given.inputs, attributes)
        return Emission("estimates", pack(fires), values=values.swapaxes(0, 1)[fires.swapaxes(0, 1)])
    if not op.unit_spikes:
        return Emission("steps", pack(fires), values=sent.swapaxes(0, 1)[fires.swapaxes(0, 1)])
    signs = pack(sent < 0) if op.unit_spikes == "signed" else None
    return Emission("steps", pack(fires), np.ones(len(fires), np.float32), signs)


def _by_step(stacked: Array, attributes: Attributes) -> Array:
    steps = int(attributes["steps"])
    return stacked.reshape(steps, stacked.shape[0] // steps, *stacked.shape[1:])


def emission_of(op: str) -> Callable[[Recorded, Attributes], Emission] | None:
    """The function that computes the emission of a layer of `op`; None if there is none."""
    definition = get(op)
    if definition.stacks == "steps":
        return lambda given, attributes: _over_time(given, definition, attributes)
    if definition.spike_steps is None:
        return None
    return lambda given, attributes: _in_one_call(given, definition, attributes)
