# SPDX-License-Identifier: Apache-2.0
"""A small set of ranges for which few-spikes tables are fitted, so that many layers share a table.

Where the activation is a line on a narrow range, or a ReLU on a wide one, a binary code needs no search.
"""

from __future__ import annotations

import numpy as np

from snncc.coding.fs_tables.activations import Activation, Function
from snncc.coding.fs_tables.neuron import ALWAYS, FSTable
from snncc.coding.fs_tables.objective import Objective

__all__ = ["as_line", "as_relu", "shared_range"]

# A curve is a ReLU where it differs from one by less than this share of the range: no fit of 16 steps was closer there.
_ALIKE = 2.0**-9
# The shortest range, on either side of 0: float32 resolves it.
_LEAST = 2.0**-100
# A curve is a line where its bend is less than this share of its values' range.
_BEND = 2.0**-11
_ROUNDING = 2.0**-24  # of float32
_POINTS = 6400

# An activation that changes by less beyond an end of its usual range ends there.
_FLAT = 2.0**-8


def shared_range(activation: Activation, low: float, high: float) -> tuple[float, float]:
    """The range for which a table for [low, high] is fitted: ends rounded up to powers of two on each side of 0 that
    has values.

    It ends where `activation` usually does if that is flat from there on.
    """
    below, above = _beyond(-low), _beyond(high)
    if below and above:
        below = above = max(below, above)
    if not below and not above:
        above = 1.0
    ends = np.array([activation.low, -below, activation.high, above])
    values = activation.function(ends)
    left = activation.low if -below < activation.low and abs(values[0] - values[1]) <= _FLAT else 0.0 - below
    right = activation.high if above > activation.high and abs(values[2] - values[3]) <= _FLAT else above
    return left, right


def as_line(function: Function, K: int, low: float, high: float) -> FSTable | None:
    """The table of a line coded in K - 1 bits, as an approximation of `function`; None where that is not linear."""
    x = np.linspace(low, high, _POINTS)
    values = function(x)
    line = np.polynomial.Polynomial.fit(x, values, 1)
    bend = np.sqrt(np.mean((values - line(x)) ** 2))
    if bend > _BEND * np.ptp(values) + _ROUNDING * np.abs(values).max():
        return None
    steps = (high - low) * 2.0 ** -np.arange(1.0, K)
    T, h = (np.array([first, *steps], np.float32) for first in (ALWAYS, low))
    d = Objective(function, low, high, _POINTS).best(T, h)[1]
    return FSTable.measured(T, h, d.astype(np.float32), function, low, high)


def as_relu(function: Function, K: int, low: float, high: float) -> FSTable | None:
    """The table of a ReLU coded in K bits with rounding; None where `function` is not close to a ReLU."""
    x = np.concatenate([np.linspace(low, high, _POINTS), np.linspace(max(low, -8.0), min(high, 8.0), _POINTS)])
    if high <= 0 or np.abs(function(x) - np.maximum(x, 0)).max() > high * _ALIKE:
        return None
    steps = high * 2.0 ** -np.arange(1.0, K + 1)
    T, h = (steps - steps[-1] / 2).astype(np.float32), steps.astype(np.float32)
    return FSTable.measured(T, h, h, function, low, high)


def _beyond(end: float) -> float:
    """The next power of two; 0 for what is on the other side of 0."""
    return float(2.0 ** np.ceil(np.log2(max(end, _LEAST)))) if end > 0 else 0.0
