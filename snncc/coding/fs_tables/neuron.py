# SPDX-License-Identifier: Apache-2.0
"""Output of a few-spikes neuron with given tables, and its error against a function.

v <- x; for t = 1 … K: z_t = [v >= T_t], v <- v - h_t z_t; y = Σ d_t z_t (fs_conversion.txt, eqs. 1 to 3).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from snncc.coding.fs_tables.activations import Function
from snncc.ops.arrays import Array
from snncc.ops.few_spikes import NEVER

__all__ = ["ALWAYS", "MARGIN", "NEVER", "FSTable", "Floats", "float32", "saturates", "spikes"]

# A threshold that every potential reaches, exact in float32: its spike adds a constant.
ALWAYS = -(2.0**127)

# Share of its range within which a neuron reaches, beyond either end, the value that it keeps from there on.
MARGIN = 1 / 8

_POINTS = 20001
_BENDS = 8.0  # curves bend within this distance from 0

Floats = npt.NDArray[np.float32]


def spikes(x: Array, T: Floats, h: Floats) -> npt.NDArray[np.bool_]:
    """z_t of all `x`, [K, len(x)], in float32 as in the op FSNeuron."""
    v = x.astype(np.float32)
    found = np.empty((len(T), len(v)), np.bool_)
    for t, (threshold, reset) in enumerate(zip(T, h, strict=True)):
        found[t] = v >= threshold
        v = np.where(found[t], v - reset, v)
    return found


def saturates(fired: npt.NDArray[np.bool_], T: Floats) -> npt.NDArray[np.bool_]:
    """Whether the outputs at the ends of the grid hold for all inputs beyond.

    `fired` are their spikes […, K, points] on a rising grid, `T` their thresholds […, K].
    """
    monotonic = fired[..., -1] & (~fired[..., 0] | (T == ALWAYS))
    found: npt.NDArray[np.bool_] = (monotonic | (T == NEVER)).all(-1)
    return found


@dataclass(frozen=True)
class FSTable:
    """Tables of one activation, in the units of the pre-activation (T, h) and of the activation (d).

    Args:
        T, h, d: thresholds, resets and spike values of the K steps, exact in float32.
        low, high: the range of pre-activations that the tables were fitted on.
        rmse: root mean square distance from the activation, on 20001 even steps of the range.
        max_error: largest distance there, and beyond the range from what the activation is at the range's end.
    """

    T: tuple[float, ...]
    h: tuple[float, ...]
    d: tuple[float, ...]
    low: float
    high: float
    rmse: float
    max_error: float

    @classmethod
    def measured(cls, T: Floats, h: Floats, d: Floats, function: Function, low: float, high: float) -> Self:
        """The table with its errors measured against `function`."""
        x = np.linspace(low, high, _POINTS)
        error = _values(x, T, h, d).astype(np.float64) - function(x)
        beyond = (high - low) * MARGIN * np.linspace(0, 1, _POINTS)
        ends = ((low - beyond, low), (high + beyond, high))
        outside = [_values(far, T, h, d).astype(np.float64) - function(np.array([end])) for far, end in ends]
        bend = np.linspace(max(low, -_BENDS), min(high, _BENDS), _POINTS)  # which wide grids do not see
        near = _values(bend, T, h, d).astype(np.float64) - function(bend)
        rmse, largest = float(np.sqrt(np.mean(error**2))), float(np.max(np.abs([error, near, *outside])))
        return cls(float32(T), float32(h), float32(d), low, high, rmse, largest)

    @property
    def steps(self) -> int:
        """Number of time steps, K."""
        return len(self.T)

    @property
    def saturates(self) -> bool:
        """Whether the value at each end of the range, widened by `MARGIN`, holds for all pre-activations beyond."""
        T, h = (np.asarray(table, np.float32) for table in (self.T, self.h))
        margin = MARGIN * (self.high - self.low)
        return bool(saturates(spikes(np.array([self.low - margin, self.high + margin]), T, h), T))

    def __call__(self, x: Array) -> Floats:
        """Output of the neuron for the pre-activations `x`, of any shape."""
        T, h, d = (np.asarray(table, np.float32) for table in (self.T, self.h, self.d))
        return _values(x.ravel(), T, h, d).reshape(x.shape)

    def padded(self, K: int) -> Self:
        """The same table padded with idle steps to K steps."""
        idle = K - self.steps
        none = (0.0,) * idle
        return replace(self, T=(*self.T, *(NEVER,) * idle), h=(*self.h, *none), d=(*self.d, *none))

    def attributes(self) -> dict[str, Any]:
        """The attributes of op FSNeuron, for scale = 1."""
        return {"thresholds": list(self.T), "resets": list(self.h), "values": list(self.d), "initial": 0.0}


def float32(values: npt.ArrayLike) -> tuple[float, ...]:
    """`values`, rounded to float32."""
    return tuple(np.asarray(values, np.float32).tolist())


def _values(x: Array, T: Floats, h: Floats, d: Floats) -> Floats:
    """Summed step by step in float32, as the op does."""
    value = np.zeros(len(x), np.float32)
    for fired, worth in zip(spikes(x, T, h), d, strict=True):
        value[fired] += worth
    return value
