# SPDX-License-Identifier: Apache-2.0
"""Searches thresholds T and resets h of a few-spikes neuron by simulated annealing, with d by least squares inside.

For given T and h the spikes z_t(x) are fixed, and the best d is that of a linear problem: the least Σ_x w(x) (f(x) -
Σ d_t z_t(x))² + ε|d|². So only T and h are searched: one random change after another, kept if the error falls, or rises
only a little.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from snncc.activations import Function
from snncc.few_spikes.neuron import ALWAYS, spikes

__all__ = ["Annealer", "Objective"]

Array = npt.NDArray[np.float64]
Floats = npt.NDArray[np.float32]

# Large d that cancel would magnify what the grid does not see.
_EPSILON = 1e-8
_OUTSIDE = 12
_OUTSIDE_WEIGHT = 0.02


class Objective:
    """Weighted squared distance from `function` on a grid of pre-activations.

    The weight is a mixture of plausible pre-activations, half uniform on [low, high] and half normal with mean 0 and
    standard deviation 2, cut off there; and 2 % on points up to 100 ranges outside, where the function is to stay what
    it is at the nearest end.
    """

    def __init__(self, function: Function, low: float, high: float, points: int = 800) -> None:
        inside = np.linspace(low, high, points)
        bell = np.exp((np.min(inside**2) - inside**2) / 8)
        far = (high - low) * np.geomspace(0.01, 100, _OUTSIDE)
        weight = (1 - _OUTSIDE_WEIGHT) * (0.5 / points + 0.5 * bell / bell.sum())
        x = np.concatenate([inside, low - far, high + far])
        self.inside = inside.astype(np.float32)
        self.x = x.astype(np.float32)
        self.root = np.sqrt(np.concatenate([weight, np.full(2 * _OUTSIDE, _OUTSIDE_WEIGHT / (2 * _OUTSIDE))]))
        self.target = self.root * function(np.clip(x, low, high))

    def best(self, T: Floats, h: Floats) -> tuple[float, Array]:
        """(least error, d) of a neuron with these tables."""
        return self.solve(spikes(self.x, T, h) * self.root)

    def solve(self, weighted: Array) -> tuple[float, Array]:
        """(least error, d) of the spikes z_t(x) √w(x), [K, points]."""
        gram, right = weighted @ weighted.T, weighted @ self.target
        gram.flat[:: len(gram) + 1] += _EPSILON
        d = np.linalg.solve(gram, right)
        return float(self.target @ self.target - right @ d), d


class Annealer:
    """Tables (T, h) on their way to less error. `run` goes on from where it is, `grow` inserts a step."""

    def __init__(self, objective: Objective, T: npt.ArrayLike, h: npt.ArrayLike, rng: np.random.Generator) -> None:
        self._objective, self._rng = objective, rng
        self._range = float(objective.inside[-1] - objective.inside[0])
        self._start(np.asarray(T, np.float32), np.asarray(h, np.float32))

    def run(self, changes: int, hot: float, cold: float) -> None:
        """Try `changes` changes while the temperature, relative to the error, falls from `hot` to `cold`."""
        best = self.error, self.T, self.h
        for i in range(changes):
            done = i / changes
            T, h, first = self._changed(done)
            error = self._try(T, h, first)
            if error <= self.error * (1 + hot * (cold / hot) ** done * self._rng.exponential()):
                self._accept(T, h, error)
                best = min(best, (error, T, h), key=lambda found: found[0])
        self._start(*best[1:])

    def grow(self, tries: int) -> None:
        """Insert one step, the best of `tries` random ones."""
        T, h = min(
            (self._inserted(self.T, self.h) for _ in range(tries)), key=lambda tables: self._objective.best(*tables)[0]
        )
        self._start(T, h)

    def _start(self, T: Floats, h: Floats) -> None:
        shape = len(T), len(self._objective.x)
        # Two of each: the state, and the trial that may take its place.
        self._v, self._trial_v = (np.empty((shape[0] + 1, shape[1]), np.float32) for _ in range(2))
        self._z, self._trial_z = (np.empty(shape) for _ in range(2))
        self._v[0] = self._objective.x
        self._accept(T, h, self._try(T, h, 0))

    def _try(self, T: Floats, h: Floats, first: int) -> float:
        """The error of tables that differ from the current ones from step `first` on."""
        v, z = self._trial_v, self._trial_z
        v[: first + 1], z[:first] = self._v[: first + 1], self._z[:first]
        for t in range(first, len(T)):
            fires = v[t] >= T[t]
            np.multiply(fires, self._objective.root, out=z[t])
            np.subtract(v[t], h[t] * fires, out=v[t + 1])
        return self._objective.solve(z)[0]

    def _accept(self, T: Floats, h: Floats, error: float) -> None:
        self.T, self.h, self.error = T, h, error
        self._v, self._trial_v = self._trial_v, self._v
        self._z, self._trial_z = self._trial_z, self._z

    def _changed(self, done: float) -> tuple[Floats, Floats, int]:
        """Other tables and the first step at which they differ; changes get smaller the more is `done`."""
        rng, T, h = self._rng, self.T.copy(), self.h.copy()
        t = int(rng.integers(len(T)))
        size = np.float32(rng.normal() * self._range * 10 ** rng.uniform(-4.5, -0.3 - 1.5 * done))
        kind = rng.random()
        if kind < 0.2:
            T[t] += size
        elif kind < 0.4:
            h[t] += size
        elif kind < 0.6:  # what remains of a potential at the threshold stays
            T[t] += size
            h[t] += size
        elif kind < 0.75:  # what follows moves along with the potentials that this step leaves
            h[t] -= size
            T[t + int(rng.integers(2)) :] += size
        elif kind < 0.88:
            return self._reordered(T, h, t, fresh=kind >= 0.8)
        elif kind < 0.92:
            T[t] = self._threshold(t)
        else:  # one piece of the range lands on another
            T[t], h[t] = (self._threshold(t) if rng.random() < 0.5 else T[t]), self._landing(t)
        return T, h, t

    def _reordered(self, T: Floats, h: Floats, t: int, *, fresh: bool) -> tuple[Floats, Floats, int]:
        """Step t in another place, as it was or `fresh`."""
        to = int(self._rng.integers(len(T)))
        if fresh:
            T[t], h[t] = self._threshold(to), self._reset()
        order = np.insert(np.delete(np.arange(len(T)), t), to, t)
        return T[order], h[order], min(t, to)

    def _inserted(self, T: Floats, h: Floats) -> tuple[Floats, Floats]:
        j = int(self._rng.integers(len(T) + 1))
        reset = self._landing(j) if self._rng.random() < 0.5 else self._reset()
        return np.insert(T, j, self._threshold(j)), np.insert(h, j, reset)

    def _threshold(self, t: int) -> np.float32:
        """A potential that occurs before step t, or one that all reach."""
        return np.float32(ALWAYS) if self._rng.random() < 0.15 else self._potential(t)

    def _reset(self) -> np.float32:
        return np.float32(self._rng.normal() * self._range * 10 ** self._rng.uniform(-2.5, 0))

    def _landing(self, t: int) -> np.float32:
        return self._potential(t) - self._potential(t)

    def _potential(self, t: int) -> np.float32:
        value: np.float32 = self._v[t, self._rng.integers(len(self._objective.inside))]
        return value
