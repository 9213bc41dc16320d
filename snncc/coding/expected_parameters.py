# SPDX-License-Identifier: Apache-2.0
"""Attributes that the neurons of the built-in codings should have, for `snncc check`.

The formulas use the parameters of a coding only, independent of the code that makes its neurons.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = [
    "binary_phases",
    "coarse_fine_phases",
    "differential",
    "few_spikes_tables",
    "grid_phases",
    "over_time",
    "phases",
]


def phases(
    steps: int, base: float, levels: Sequence[float] | None, *, shift: bool, spikes: int, wait: int | None
) -> dict[str, Any]:
    """Levels Q^-p, or a layer's own, with thresholds in the middle of two; of several spikes, only the last rounds."""
    if levels is not None:
        values = np.asarray(levels, np.float64)
        shifted = np.append((values[:-1] + values[1:]) / 2, values[-1] / 2)
    else:
        values = base ** -np.arange(steps, dtype=np.float64)
        shifted = values * ((1 + 1 / base) / 2) if shift else values
    return {
        "max_spikes": spikes,
        "levels": values,
        "thresholds": shifted if spikes == 1 else values,
        "last_thresholds": shifted if spikes == 1 or spikes < steps else values,
        "wait": wait or steps,
    }


def coarse_fine_phases(levels: Sequence[float], fine: Sequence[float]) -> dict[str, Any]:
    """Levels of the first and of the second spike, each with thresholds in the middle of two, equally many."""
    found: dict[str, Any] = {"op": "CoarseFineNeuron"}
    for prefix, table in (("", levels), ("fine_", fine)):
        values = np.asarray(table, np.float64)
        values = np.append(values, 0.0)
        middle = (values[:-1] + values[1:]) / 2
        missing = max(len(levels), len(fine)) - len(table)
        found[f"{prefix}levels"] = np.pad(values[:-1], (0, missing), mode="edge")
        found[f"{prefix}thresholds"] = np.pad(middle, (0, missing), mode="edge")
    return found


def binary_phases(bits: int, wait: int | None = None) -> dict[str, Any]:
    """The bits of a value below 2, the first one 1."""
    levels = 2.0 ** -np.arange(bits, dtype=np.float64)
    tables = dict.fromkeys(("levels", "thresholds", "last_thresholds"), levels)
    return {"max_spikes": bits, **tables, "wait": wait or bits}


def grid_phases(given: Mapping[str, Any], slices: int) -> dict[str, Any]:
    """The bits of a whole number, rounded, of an encoder with attributes `given`; empty if that codes other values."""
    if given["thresholds"][0] == given["levels"][0]:
        return {}
    bits = int(given["max_spikes"])
    levels = 2.0 ** -np.arange(bits, dtype=np.float64)
    tables = {"levels": levels, **dict.fromkeys(("thresholds", "last_thresholds"), levels - 2.0**-bits)}
    return {"max_spikes": bits, **tables, "wait": len(given["levels"]) - slices + 1}


def few_spikes_tables(steps: npt.NDArray[np.float64], initial: float) -> dict[str, Any]:
    """Tables of an FSNeuron whose potential loses the values of its spikes."""
    return {**dict.fromkeys(("thresholds", "resets", "values"), steps), "initial": initial}


def over_time(op: str, steps: int, form: Mapping[str, Any], **attributes: float) -> dict[str, Any]:
    """Attributes of a neuron over time, which does all steps in one call, or those of one call in a loop or step."""
    return {"op": op, "steps": int(form.get("chunk", steps)), **attributes}


def differential(steps: int, size: int, levels: Sequence[float] | None, form: Mapping[str, Any]) -> dict[str, Any]:
    """`size` powers of 2, or the given levels of one or all steps, and the midpoints between them."""
    given = 2.0 ** -np.arange(size) if levels is None else np.asarray(levels, np.float64)
    tables = np.broadcast_to(given.reshape(-1, size), (steps, size))
    below = np.concatenate([tables[:, 1:], np.zeros((steps, 1))], axis=1)
    whole = {"levels": tables.ravel(), "thresholds": ((tables + below) / 2).ravel()}
    return {**over_time("DifferentialNeuron", steps, form), "tables": steps, **whole}
