# SPDX-License-Identifier: Apache-2.0
"""Levels and thresholds of phase neurons: computed in float64, rounded once to float32."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from snncc.errors import OptionError

__all__ = [
    "binary_tables",
    "checked_levels",
    "coarse_fine_tables",
    "grid_tables",
    "level_tables",
    "midpoints",
    "power_tables",
    "several_spikes",
]

Tables = dict[str, list[float]]


def power_tables(steps: int, base: float, *, shift: bool) -> Tables:
    """Levels ℓ_p = Q^-p for p = 0 … T-1, and θ_p = s ℓ_p with s = (1 + 1/Q)/2, the midpoint of two, or s = 1."""
    levels = base ** -np.arange(steps, dtype=np.float64)
    return {"levels": _float32(levels), "thresholds": _float32(levels * ((1 + 1 / base) / 2 if shift else 1.0))}


def level_tables(levels: Sequence[float]) -> Tables:
    """Levels that are not powers, and the midpoints between them, so that each potential is coded by the nearest level
    or 0.
    """
    falling = np.asarray(levels, np.float64)
    return {"levels": _float32(falling), "thresholds": _float32(midpoints(falling))}


def coarse_fine_tables(levels: Sequence[float], fine: Sequence[float]) -> Tables:
    """Tables of a CoarseFineNeuron: both as long as the longer one, with a last entry that is repeated."""
    length = max(len(levels), len(fine))
    tables = {**level_tables(levels), **{f"fine_{name}": table for name, table in level_tables(fine).items()}}
    return {name: table + table[-1:] * (length - len(table)) for name, table in tables.items()}


def midpoints(levels: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Midpoints of neighbouring `levels`, which descend to 0."""
    return np.asarray((levels + np.append(levels[1:], 0.0)) / 2)


def several_spikes(tables: Tables, spikes: int) -> dict[str, Any]:
    """Tables for several spikes: only the last allowed spike may round, since later spikes code the rest of earlier
    ones.
    """
    levels = tables["levels"]
    rounds = 1 < spikes < len(levels)
    return {
        "levels": levels,
        "thresholds": levels,
        "last_thresholds": tables["thresholds"] if rounds else levels,
        "max_spikes": spikes,
        "signed": 0,
    }


def binary_tables(steps: int) -> dict[str, Any]:
    """Attributes of a PhaseNeuron that codes a signed value in binary, as the sum of its first `steps` bits."""
    levels = _float32(2.0 ** -np.arange(steps, dtype=np.float64))
    return {"levels": levels, "thresholds": levels, "last_thresholds": levels, "max_spikes": steps, "signed": 1}


def grid_tables(bits: int, phases: int) -> dict[str, Any]:
    """Attributes of a PhaseNeuron that codes a whole number of units, in units of 2^(bits - 1), in `phases` >= `bits`.

    It rounds to the nearest whole number. In phases after the first `bits`, no remainder reaches the threshold.
    """
    levels = 2.0 ** -np.arange(bits, dtype=np.float64)
    levels = np.append(levels, [levels[-1]] * (phases - bits))
    thresholds = _float32(levels - levels[-1] / 2)
    tables = {"levels": _float32(levels), "thresholds": thresholds, "last_thresholds": thresholds}
    return {**tables, "max_spikes": bits, "signed": 1}


def checked_levels(levels: Iterable[Any], steps: int, what: str = "T") -> tuple[float, ...]:
    """`levels` as numbers; messages call their number `what`.

    Raises:
        OptionError: they are not `steps` finite numbers above 0 that fall, as float32 too.
    """
    try:
        given = tuple(float(level) for level in levels)
    except (TypeError, ValueError) as error:
        raise OptionError(f"levels are {levels!r}, but a coding takes numbers; 'fitted' is for `convert`") from error
    rounded = np.array([*given, 0], np.float32)
    if len(given) != steps or not np.isfinite(rounded).all() or not (np.diff(rounded) < 0).all():
        raise OptionError(f"levels must be {what} = {steps} finite numbers above 0, each lower than the one before")
    return given


def _float32(values: npt.NDArray[np.float64]) -> list[float]:
    return [float(v) for v in values.astype(np.float32)]
