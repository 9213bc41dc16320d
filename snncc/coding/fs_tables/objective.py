# SPDX-License-Identifier: Apache-2.0
"""Error of a few-spikes neuron with thresholds T and resets h against a function, with the optimal spike values d.

For given T and h the spikes z_t(x) are fixed, and the best d is that of a linear problem: the least Σ_x w(x) (f(x) -
Σ d_t z_t(x))² + ε|d|².

Beyond the range the neuron must keep its output at the ends of the range. The grid is extended by an eighth of the
range on both sides. At its upper end every step must fire, and at its lower end only those that always fire: within one
pattern of spikes the potential increases with the input, also in float32, so that the pattern at an end holds for all
inputs beyond it.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from snncc.coding.fs_tables.activations import Function
from snncc.coding.fs_tables.neuron import MARGIN, Floats, saturates, spikes

__all__ = ["Array", "Objective", "ridged"]

Array = npt.NDArray[np.float64]

# Large d that cancel would amplify errors between grid points.
_EPSILON = 1e-8
_BEYOND = 1 / 16


class Objective:
    """Weighted squared distance from `function` on an even grid of pre-activations.

    The weight is a mixture of plausible pre-activations, half uniform on [low, high] and half normal with mean 0 and
    standard deviation 2, cut off there; beyond the ends it is an eighth of the uniform one.
    """

    def __init__(self, function: Function, low: float, high: float, points: int) -> None:
        inside, beyond = np.linspace(low, high, points), round(MARGIN * points)
        bell = np.exp((np.min(inside**2) - inside**2) / 8)
        far = (high - low) * MARGIN * (np.arange(1, beyond + 1) / beyond)
        x = np.concatenate([low - far[::-1], inside, high + far])
        self.width = high - low
        self.x = x.astype(np.float32)
        self.root = np.sqrt(np.pad(0.5 / points + 0.5 * bell / bell.sum(), beyond, constant_values=_BEYOND / points))
        self.target = self.root * function(np.clip(x, low, high))
        self._power = float(self.target @ self.target)

    def best(self, T: Floats, h: Floats) -> tuple[float, Array]:
        """(least error, d) of a neuron with these tables; the error is infinite if the neuron does not saturate."""
        fired = spikes(self.x, T, h)
        weighted = fired * self.root
        error, d = self.solve(ridged(weighted @ weighted.T), weighted @ self.target)
        return float(error) if saturates(fired, T) else np.inf, d

    def solve(self, gram: Array, right: Array) -> tuple[Array, Array]:
        """(Least errors […], d […, K]) for `ridged` sums of z_t z_s w over the grid, and those of z_t f w, […, K]."""
        d: Array = np.asarray(np.linalg.solve(gram, right[..., None])[..., 0], np.float64)
        errors: Array = self._power - np.asarray((right * d).sum(-1), np.float64)
        return errors, d


def ridged(gram: Array) -> Array:
    """Sums of z_t z_s w […, K, K], with ε on the diagonal."""
    found: Array = gram + _EPSILON * np.eye(gram.shape[-1])
    return found
