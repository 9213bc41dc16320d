# SPDX-License-Identifier: Apache-2.0
"""Give some layers a second spike: those in which it lowers the error of the outputs most for its spikes.

A layer's error is that of the outputs with this layer coded alone; errors of different layers add up. Layers are taken
in the order of (error with one spike - error with two) / additional spikes until the budget is spent.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass

from snncc.calibration.calibrate import Calibration
from snncc.calibration.layer_levels import fitted_levels
from snncc.calibration.observers import ActivationSite
from snncc.calibration.potential_matching import samples_that_fit
from snncc.coding import Coding
from snncc.coding.scales import LayerSettings
from snncc.compiler.tuning.layer_error import OneLayer, each_layer
from snncc.io.batches import Batch
from snncc.io.progress import track
from snncc.ir.graph import Graph

__all__ = ["with_second_spikes"]

log = logging.getLogger("snncc")

_SAMPLES = 32  # calibration samples on which errors are measured
_MORE = 1.1  # times the spikes of one-spike layers: the default budget
_ERROR = 0.0075  # of the outputs' variance: above this sum of the layers' errors, the default budget may be exceeded
_LEAST_GAIN = 0.5  # share of the error removed per share of spikes added, beyond the default budget


@dataclass(frozen=True)
class _SecondSpike:
    """A layer that may send a second spike.

    Attributes:
        relu: The layer.
        settings: Of its two spikes.
        gain: The error that it removes.
        cost: The spikes that it adds for one sample.
    """

    relu: str
    settings: LayerSettings
    gain: float
    cost: float


def with_second_spikes(
    graph: Graph,
    coding: Coding,
    measured: Calibration,
    samples: Batch,
    choices: Mapping[str, LayerSettings],
    budget: float | None,
) -> dict[str, LayerSettings]:
    """Per-layer settings, by the name of the ReLU, with a second spike in some layers.

    Args:
        graph: The prepared ReLU network.
        coding: A coding of one spike, with `two_spikes`.
        measured: What is known of the activations.
        samples: Some of the calibration data, {input: [n, …]}.
        choices: Settings of layers with one spike.
        budget: Mean number of spikes of a neuron for one sample; None: a tenth more than with one spike, and more where
            the error is large.
    """
    two = coding.two_spikes
    if two is None:
        return dict(choices)
    data = {name: array[: min(_SAMPLES, samples_that_fit(graph))] for name, array in samples.items()}
    candidates: list[_SecondSpike] = []
    neurons, spikes, error = 0, 0.0, 0.0
    for place, layer in track(each_layer(graph, measured.sites, data), "sharing spikes", len(measured.sites)):
        one = choices.get(place.relu, LayerSettings())
        own_error, own_spikes = _measured(layer, place, measured, coding, one)
        neurons, spikes, error = neurons + layer.neurons, spikes + own_spikes, error + own_error
        if (more := fitted_levels(measured, place, two)) is not None:
            less_error, more_spikes = _measured(layer, place, measured, coding, more)
            candidates.append(_SecondSpike(place.relu, more, own_error - less_error, more_spikes - own_spikes))
    taken = _taken(candidates, neurons, spikes, error, budget)
    log.info("second spikes in %d of %d layers: %s", len(taken), len(measured.sites), ", ".join(taken) or "none")
    return {**choices, **taken}


def _measured(
    layer: OneLayer, place: ActivationSite, measured: Calibration, coding: Coding, choice: LayerSettings
) -> tuple[float, float]:
    """(Error of the outputs, spikes for one sample) with the layer coded by itself."""
    scale, own = measured.scale(place, coding, choice), coding.of_layer(choice)
    return layer.error(own, scale), layer.neurons * layer.spikes(own, scale)


def _taken(
    candidates: list[_SecondSpike], neurons: int, spikes: float, error: float, budget: float | None
) -> dict[str, LayerSettings]:
    """The settings of the layers that send a second spike; `spikes` and `error` are those of one spike everywhere."""
    useful = [candidate for candidate in candidates if candidate.gain > 0 and candidate.cost > 0]
    limit = _MORE * spikes if budget is None else budget * neurons
    per_spike = _LEAST_GAIN * error / spikes if spikes else 0.0
    taken: dict[str, LayerSettings] = {}
    for candidate in sorted(useful, key=lambda candidate: -candidate.gain / candidate.cost):
        needed = budget is None and error > _ERROR and candidate.gain >= per_spike * candidate.cost
        if spikes + candidate.cost <= limit or needed:
            taken[candidate.relu] = candidate.settings
            spikes, error = spikes + candidate.cost, error - candidate.gain
    return taken
