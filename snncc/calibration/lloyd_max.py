# SPDX-License-Identifier: Apache-2.0
"""Levels that code a distribution with least squared error (Lloyd 1982, Max 1960), zero being one of them.

Each level is the mean of the values that round to it. The thresholds are the midpoints of neighbouring levels, the last
one half of the lowest level. This is iterated until it converges. The start is the asymptotic optimum (Panter and Dite
1951): the density of levels is proportional to the cube root of the density of values. If outliers leave some levels
without any value, a second start is used.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from snncc.coding.phase_tables import midpoints

__all__ = ["lloyd_max", "nearest_level", "remainders"]

Array = npt.NDArray[np.float64]

_ROUNDS = 200
_STILL = 1e-6  # of the mean value: how far levels may move in the last round
_STRETCHES = 256  # of the range, in which density is counted
_SMOOTH = 9  # of them are averaged
_DIGITS = 6
_BINS_PER_VALUE = 43  # bins of 1/32 to 1/64 of their value
_PARTS = 8  # of a bin
_CELLS = 4096  # of the histogram of remainders


def lloyd_max(values: npt.NDArray[Any], weights: npt.NDArray[Any], count: int) -> tuple[float, ...] | None:
    """The levels in descending order, rounded to 6 digits; None if there are fewer distinct values.

    Args:
        values: Above 0, (n,).
        weights: What the squared error of each counts, (n,).
        count: Number of levels.
    """
    seen = (values > 0) & (weights > 0)
    order = np.argsort(values[seen], kind="stable")
    x, w = values[seen][order].astype(np.float64), weights[seen][order].astype(np.float64)
    if len(np.unique(x)) <= count:
        return None
    for start in (_by_width, _by_mass):
        levels, all_used = _settled(x, w, start(x, w, count))
        found = tuple(float(f"{level:.{_DIGITS}g}") for level in levels[::-1])
        if all_used and (np.diff(np.array([*found, 0.0], np.float32)) < 0).all():
            return found
    return None


def remainders(values: Array, weights: Array, levels: Sequence[float]) -> tuple[Array, Array]:
    """What the nearest of `levels`, or 0, leaves of binned `values`: (magnitudes, their weights), a histogram.

    Args:
        values, weights: The middle of bins about 1/32 wide, relative to it, and their weights, (n,). A bin is wider
            than the distance of fine levels, so that its weight is spread over it.
        levels: Descending, above 0.
    """
    seen = weights > 0
    spread = 1 + (np.arange(_PARTS) - (_PARTS - 1) / 2) / (_PARTS * _BINS_PER_VALUE)
    x = (values[seen, None] * spread).ravel()
    left = np.abs(x - nearest_level(x, np.asarray(levels, np.float64)))
    mass, edges = np.histogram(left, bins=_CELLS, weights=np.repeat(weights[seen] / _PARTS, _PARTS))
    return (edges[:-1] + edges[1:]) / 2, mass


def nearest_level(magnitudes: Array, levels: Array) -> Array:
    """The nearest of `levels`, descending, or 0, for each of `magnitudes`, (n,)."""
    rising = np.append(0.0, levels[::-1])
    return np.asarray(rising[np.searchsorted(midpoints(levels)[::-1], magnitudes, side="right")])


def _settled(x: Array, w: Array, levels: Array) -> tuple[Array, bool]:
    """The levels after convergence from ascending `levels`, and whether each of them has a value."""
    mass, moment = (np.concatenate([[0.0], np.cumsum(part)]) for part in (w, w * x))
    for _ in range(_ROUNDS):
        first = np.searchsorted(x, midpoints(levels[::-1])[::-1])
        last = np.append(first[1:], len(x))
        held = mass[last] - mass[first]
        means = (moment[last] - moment[first]) / np.where(held > 0, held, 1)
        moved = np.sort(np.where(held > 0, means, levels))
        still = np.abs(moved - levels).max() <= _STILL * moment[-1] / mass[-1]
        levels = moved
        if still:
            break
    return levels, bool((held > 0).all())


def _by_width(x: Array, w: Array, count: int) -> Array:
    """Ascending levels with a density proportional to the cube root of that of `x`, estimated on intervals of one
    width.
    """
    density, edges = np.histogram(x, bins=_STRETCHES, range=(0.0, x[-1]), weights=w)
    padded = np.pad(density, _SMOOTH // 2, mode="edge")
    smooth = np.convolve(padded, np.full(_SMOOTH, 1 / _SMOOTH), "valid")
    share = np.cumsum(np.cbrt(smooth))
    wanted = (np.arange(count) + 1) / (count + 0.5)
    return np.asarray(np.interp(wanted, share / share[-1], (edges[:-1] + edges[1:]) / 2))


def _by_mass(x: Array, w: Array, count: int) -> Array:
    """Ascending levels, each in the middle of the same number of values: no level is empty, whatever the outliers."""
    mass = np.cumsum(w)
    return np.asarray(x[np.searchsorted(mass, (np.arange(count) + 0.5) / count * mass[-1])])
