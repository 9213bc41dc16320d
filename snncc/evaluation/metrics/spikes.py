# SPDX-License-Identifier: Apache-2.0
"""Metrics of the spikes, without those of gates of recurrent layers; encoders of the input are counted apart."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np

from snncc.evaluation.metrics.metric import Metric

if TYPE_CHECKING:
    from snncc.evaluation.result import Evaluation
    from snncc.evaluation.spike_counter import LayerTotal

__all__ = [
    "BITS_PER_SPIKE",
    "FIRING_RATE",
    "GATES",
    "INPUT_SPIKES",
    "INPUT_SPIKES_PER_VALUE",
    "MAX_SPIKES",
    "NEURONS",
    "SHARE_PER_STEP",
    "SPIKES",
    "SPIKES_PER_GATE",
    "SPIKES_PER_NEURON",
]


def _hidden(found: Evaluation) -> list[LayerTotal]:
    return [x for x in found.layers if not x.encoder and not x.gate]


def _encoders(found: Evaluation) -> list[LayerTotal]:
    return [x for x in found.layers if x.encoder]


def _gates(found: Evaluation) -> list[LayerTotal]:
    return [x for x in found.layers if x.gate]


def _neurons(layers: Iterable[LayerTotal]) -> int:
    return sum(x.neurons for x in layers)


def _each(layers: list[LayerTotal]) -> float:
    """Mean spikes per neuron."""
    neurons = _neurons(layers)
    return sum(x.total for x in layers) / neurons if neurons else 0.0


def _bits(layers: list[LayerTotal]) -> float:
    """Mean bits of a spike for its level and sign."""
    spikes = sum(x.total for x in layers)
    return sum(x.total * x.spike_bits for x in layers) / spikes if spikes else 0.0


def _share_per_step(found: Evaluation) -> list[float] | None:
    counted, neurons = [x.per_step for x in _hidden(found) if x.per_step is not None], _neurons(_hidden(found))
    if not neurons or len(counted) < len(_hidden(found)):
        return None
    fired = np.zeros(max(map(len, counted)))
    for steps in counted:  # tables of other activations may have fewer steps
        fired[: len(steps)] += steps
    return [float(sent) / neurons for sent in fired]


NEURONS: Metric[int] = Metric("spikes.neurons", lambda found: _neurons(_hidden(found)), "neurons", form=",")
SPIKES_PER_NEURON: Metric[float] = Metric(
    "spikes.per_neuron", lambda found: _each(_hidden(found)), "spikes per neuron", form=".4f"
)
FIRING_RATE: Metric[float | None] = Metric(
    "spikes.per_neuron_and_step", lambda found: found.rate_of(_each(_hidden(found)))
)
SHARE_PER_STEP = Metric("spikes.share_per_step", _share_per_step)
MAX_SPIKES = Metric(
    "spikes.max", lambda found: max((x.peak for x in _hidden(found)), default=0), "most spikes of a neuron"
)
BITS_PER_SPIKE: Metric[float] = Metric(
    "spikes.bits_per_spike",
    lambda found: _bits(_hidden(found)),
    "bits per spike, level and sign",
    form=".4g",
    shown=lambda found: _bits(_hidden(found)) > 0,
)
GATES: Metric[int] = Metric(
    "spikes.gates",
    lambda found: _neurons(_gates(found)),
    "gates of recurrent layers",
    form=",",
    shown=lambda found: bool(_gates(found)),
)
SPIKES_PER_GATE = Metric(
    "spikes.per_gate",
    lambda found: _each(_gates(found)),
    "spikes per gate and sequence",
    form=".4g",
    shown=lambda found: bool(_gates(found)),
)
SIN = Metric(
    "sin",
    lambda found: found.sin,
    "SIN per neuron (ANS)",
    text=lambda sin: ("", "" if sin is None else f"{sin.ans:.4f}"),
    shown=lambda found: found.sin is not None,
    json=lambda sin: None if sin is None else sin.to_json(),
)
INPUT_SPIKES: Metric[float] = Metric("spikes.input", lambda found: sum(x.total for x in _encoders(found)))
INPUT_SPIKES_PER_VALUE = Metric(
    "spikes.input_per_value",
    lambda found: _each(_encoders(found)),
    "spikes per input value",
    form=".3f",
    shown=lambda found: INPUT_SPIKES.of(found) > 0,
)

SPIKES = (
    *(NEURONS, SPIKES_PER_NEURON, FIRING_RATE, SHARE_PER_STEP, MAX_SPIKES, BITS_PER_SPIKE, GATES, SPIKES_PER_GATE),
    *(SIN, INPUT_SPIKES, INPUT_SPIKES_PER_VALUE),
)
