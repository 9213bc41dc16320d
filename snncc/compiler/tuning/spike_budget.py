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
    *,
    second: bool = True,
) -> tuple[dict[str, LayerSettings], dict[str, float]]:
    """(Per-layer settings with a second spike in some layers, error of each layer with these), by the name of the ReLU.

    Args:
        graph: The prepared ReLU network.
        coding: The coding of the network.
        measured: What is known of the activations.
        samples: Some of the calibration data, {input: [n, …]}.
        choices: Settings of layers with one spike.
        budget: Mean number of spikes of a neuron for one sample; None: a tenth more than with one spike, and more where
            the error is large.
        second: Whether layers may have a second spike; else their errors are measured, and the settings stay.
    """
    two = coding.two_spikes if second else None
    data = {name: array[: min(_SAMPLES, samples_that_fit(graph))] for name, array in samples.items()}
    candidates: list[_SecondSpike] = []
    errors: dict[str, float] = {}
    neurons, spikes = 0, 0.0
    for place, layer in track(each_layer(graph, measured.sites, data), "sharing spikes", len(measured.sites)):
        one = choices.get(place.relu, LayerSettings())
        errors[place.relu] = error = _error(layer, place, measured, coding, one)
        if two is None:
            continue
        sent = _spikes(layer, place, measured, coding, one)
        neurons, spikes = neurons + layer.neurons, spikes + sent
        if (more := fitted_levels(measured, place, two)) is not None:
            gain = error - _error(layer, place, measured, coding, more)
            cost = _spikes(layer, place, measured, coding, more) - sent
            candidates.append(_SecondSpike(place.relu, more, gain, cost))
    taken = _taken(candidates, neurons, spikes, sum(errors.values()), budget)
    if two is not None:
        log.info("second spikes in %d of %d layers: %s", len(taken), len(measured.sites), ", ".join(taken) or "none")
    errors |= {c.relu: errors[c.relu] - c.gain for c in candidates if c.relu in taken}
    return {**choices, **taken}, errors


def _error(
    layer: OneLayer, place: ActivationSite, measured: Calibration, coding: Coding, choice: LayerSettings
) -> float:
    """The error of the outputs with the layer coded by itself."""
    return layer.error(coding.of_layer(choice), measured.scale(place, coding, choice))


def _spikes(
    layer: OneLayer, place: ActivationSite, measured: Calibration, coding: Coding, choice: LayerSettings
) -> float:
    """The layer's spikes for one sample."""
    return layer.neurons * layer.spikes(coding.of_layer(choice), measured.scale(place, coding, choice))


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
