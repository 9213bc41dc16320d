# SPDX-License-Identifier: Apache-2.0
"""Distribute a budget of time steps over the layers, by the error that each step removes."""

from __future__ import annotations

import heapq
from collections.abc import Mapping
from dataclasses import replace

from snncc.calibration.calibrate import Calibration
from snncc.calibration.layer_levels import fitted_levels
from snncc.calibration.observers import ActivationSite
from snncc.coding import Coding
from snncc.coding.scales import LayerSettings

__all__ = ["can_share", "shared_steps", "with_shared_steps"]

_FEWEST, _MOST = 0.5, 1.5  # of the coding's steps: a pipeline waits for the slowest layer
_FAST = 32  # entries of a table that fit into registers


def with_shared_steps(
    coding: Coding, measured: Calibration, choices: Mapping[str, LayerSettings], errors: Mapping[str, float]
) -> dict[str, LayerSettings]:
    """`choices` with per-layer steps, by the name of the ReLU.

    Args:
        coding: The coding of the network; its number of steps is the mean of the layers'.
        measured: What is known of the activations.
        choices: Settings of the layers for that number of steps.
        errors: Squared error that each layer contributes with these settings.
    """
    places = {place.relu: place for place in measured.sites if place.relu in errors}
    codings = {name: coding.of_layer(choices.get(name, LayerSettings())) for name in places}
    steps = shared_steps(codings, {name: errors[name] for name in places})
    again = {
        name: _resized(choices.get(name, LayerSettings()), steps[name], coding, measured, place)
        for name, place in places.items()
    }
    return {**choices, **again}


def can_share(coding: Coding) -> bool:
    """Whether it is known how the error of a layer depends on its steps, and layers wait for all of their input."""
    return coding.coarseness(1) is not None and coding.slices == 1


def shared_steps(codings: Mapping[str, Coding], errors: Mapping[str, float]) -> dict[str, int]:
    """Time steps of each layer, with the same total as with the codings' own numbers.

    Steps are given out one by one, each where it lowers the sum of the errors most; how a layer's error depends on its
    steps is its coding's law, `Coding.coarseness`.

    Args:
        codings: The code of each layer, with the usual number of steps.
        errors: Squared error that each layer contributes with that number.
    """

    def gain(name: str, steps: int) -> float:
        """Error reduction by one step more than `steps`."""
        coding = codings[name]
        now, then, unit = (coding.coarseness(n) or 0.0 for n in (steps, steps + 1, coding.steps))
        return errors[name] * (now - then) / unit

    given = {name: max(2 if coding.fine_spikes else 1, int(_FEWEST * coding.steps)) for name, coding in codings.items()}
    most = {name: _longest(coding.steps) for name, coding in codings.items()}
    queue = [(-gain(name, steps), name) for name, steps in given.items() if steps < most[name]]
    heapq.heapify(queue)
    for _ in range(sum(coding.steps - given[name] for name, coding in codings.items())):
        _, name = heapq.heappop(queue)
        given[name] += 1
        if given[name] < most[name]:
            heapq.heappush(queue, (-gain(name, given[name]), name))
    return given


def _longest(usual: int) -> int:
    return min(int(_MOST * usual), max(usual, _FAST))


def _resized(
    choice: LayerSettings, steps: int, coding: Coding, measured: Calibration, place: ActivationSite
) -> LayerSettings:
    """The settings of a layer for another number of steps: levels fitted again, or a base of the same range."""
    chosen = replace(choice, steps=steps)
    if choice.levels is None:
        return coding.same_range(chosen)
    alike = coding if choice.fine is None else coding.two_spikes or coding
    fitted = fitted_levels(measured, place, alike.of_layer(LayerSettings(steps=steps)))
    if fitted is None:
        return coding.same_range(replace(chosen, levels=None, fine=None))
    return replace(chosen, levels=fitted.levels, fine=fitted.fine)
