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
from snncc.errors import OptionError

__all__ = ["refuse_sharing", "resized", "shared_steps"]

_FEWEST, _MOST = 0.5, 1.5  # of the coding's steps: a pipeline waits for the slowest layer
_FAST = 32  # entries of a table that fit into registers


def refuse_sharing(coding: Coding, form: str, *, tune: bool) -> None:
    """Raise OptionError if layers of a network in this form cannot have per-layer time steps."""
    if not tune:
        raise OptionError("steps are shared out by tuning; use `snncc tune`, or tune=True")
    if coding.coarseness(1) is None or coding.slices > 1:
        raise OptionError("only layers that wait for all of their input, with phase or few-spikes coding, share steps")
    if form in ("loop", "step"):
        raise OptionError(f"layers of a network in the form '{form}' all have the same steps; leave out --share-steps")


def shared_steps(coding: Coding, errors: Mapping[str, float]) -> dict[str, int]:
    """Time steps of each layer, with the same total as if each layer had the coding's number.

    Steps are given out one by one, each where it lowers the sum of the errors most; how a layer's error goes with its
    steps is the coding's law, `Coding.coarseness`.

    Args:
        coding: Whose number of steps is what a layer has on average.
        errors: Squared error that each layer contributes with that number.
    """
    usual = coding.steps
    fewest, most = max(1, int(_FEWEST * usual)), min(int(_MOST * usual), max(usual, _FAST))

    def gain(name: str, steps: int) -> float:
        """Error reduction by one step more than `steps`."""
        now, then, unit = (coding.coarseness(n) or 0.0 for n in (steps, steps + 1, usual))
        return errors[name] * (now - then) / unit

    given = dict.fromkeys(errors, fewest)
    queue = [(-gain(name, fewest), name) for name in errors]
    heapq.heapify(queue)
    for _ in range((usual - fewest) * len(errors)):
        _, name = heapq.heappop(queue)
        given[name] += 1
        if given[name] < most:
            heapq.heappush(queue, (-gain(name, given[name]), name))
    return given


def resized(
    choice: LayerSettings, steps: int, coding: Coding, measured: Calibration, place: ActivationSite
) -> LayerSettings:
    """The settings of a layer for another number of steps: levels fitted again, or a base of the same range."""
    chosen = replace(choice, steps=steps, levels=None)
    if choice.levels is not None:
        fitted = fitted_levels(measured, place, coding.of_layer(LayerSettings(steps=steps)))
        if fitted is not None:
            return replace(chosen, levels=fitted.levels)
    return coding.same_range(chosen)
