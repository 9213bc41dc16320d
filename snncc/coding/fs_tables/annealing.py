# SPDX-License-Identifier: Apache-2.0
"""Search thresholds T and resets h of a few-spikes neuron by simulated annealing, in several chains.

In each round all chains try some random changes of the same step. A chain accepts the best of its changes if the error
decreases, or increases only a little. The steps before it are not computed again.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from snncc.coding.fs_tables.moves import changed, inserted
from snncc.coding.fs_tables.neuron import Floats, saturates
from snncc.coding.fs_tables.objective import Array, Objective, ridged

__all__ = ["Annealer"]


class Annealer:
    """Chains of tables (T, h) with decreasing error. `run` continues them, `grow` inserts a step.

    Args:
        objective: The function that returns the error.
        T, h: Where all chains start, [K].
        rng: Where random numbers come from.
        chains: How many there are.
        tries: Changes that a chain tries in each round.
    """

    def __init__(
        self,
        objective: Objective,
        T: npt.ArrayLike,
        h: npt.ArrayLike,
        rng: np.random.Generator,
        *,
        chains: int = 1,
        tries: int = 2,
    ) -> None:
        self._rng = rng
        first, second = (np.tile(np.asarray(table, np.float32), (chains, 1)) for table in (T, h))
        self._start(objective, first, second, tries)

    @property
    def steps(self) -> int:
        """K."""
        return int(self._T.shape[1])

    @property
    def best(self) -> tuple[float, Floats, Floats]:
        """(Error, T, h) of the best chain."""
        at = int(self._errors.argmin())
        return float(self._errors[at]), self._T[at], self._h[at]

    def run(self, rounds: int, hot: float, cold: float) -> None:
        """Try changes while the temperature, relative to the error, falls from `hot` to `cold`."""
        best, T, h = self._errors.copy(), self._T.copy(), self._h.copy()
        for i in range(rounds):
            took = self._round(i / rounds, hot * (cold / hot) ** (i / rounds))
            better = took[self._errors[took] < best[took]]
            best[better], T[better], h[better] = self._errors[better], self._T[better], self._h[better]
        self._start(self._objective, T, h, self._tries)

    def grow(self, tries: int) -> None:
        """Insert a step into the better half of the chains, twice each: the best of `tries` random ones."""
        kept = np.resize(self._errors.argsort(kind="stable")[: (len(self._T) + 1) // 2], len(self._T))
        found = []
        for c in kept:
            tables = inserted(self._rng, self._T[c], self._h[c], self._v[:, c], tries, self._objective.width)
            found.append(min(tables, key=lambda table: self._objective.best(*table)[0]))
        T, h = (np.stack(tables) for tables in zip(*found, strict=True))
        self._start(self._objective, T, h, self._tries)

    def refine(self, objective: Objective, chains: int, tries: int) -> None:
        """Continue with the best `chains`, under another objective."""
        kept = self._errors.argsort(kind="stable")[:chains]
        self._start(objective, self._T[kept], self._h[kept], tries)

    def _start(self, objective: Objective, T: Floats, h: Floats, tries: int) -> None:
        self._objective, self._T, self._h, self._tries = objective, T, h, tries
        (chains, steps), points = T.shape, len(objective.x)
        self._v = np.empty((steps + 1, chains, points), np.float32)
        self._z, self._gram = np.empty((chains, steps, points)), np.empty((chains, steps, steps))
        self._right = np.empty((chains, steps))
        self._errors = np.full(chains, np.inf)
        self._trial_v = np.empty((steps + 1, chains, tries, points), np.float32)
        self._fired = np.empty((chains, tries, steps, points), np.bool_)
        self._v[0] = objective.x
        trial = self._repeated(T), self._repeated(h)
        self._take(np.arange(chains), np.zeros(chains, np.intp), trial, self._try(*trial, 0), 0)

    def _round(self, done: float, temperature: float) -> npt.NDArray[np.intp]:
        """Let all chains try changes of one step; returns those that accepted one."""
        first = int(self._rng.integers(self.steps))
        tables = self._repeated(self._T), self._repeated(self._h)
        trial = changed(self._rng, *tables, self._v[first], first, done, self._objective.width)
        errors = self._try(*trial, first)
        lowered = errors / (1 + temperature * self._rng.standard_exponential(errors.shape))
        which = lowered.argmin(1)
        took = np.flatnonzero(lowered[np.arange(len(which)), which] <= self._errors)
        if len(took):
            self._take(took, which[took], trial, errors, first)
        return took

    def _repeated(self, table: Floats) -> Floats:
        return np.repeat(table[:, None], self._tries, 1)

    def _try(self, T: Floats, h: Floats, first: int) -> Array:
        """Errors [chains, tries] of tables that differ from the current ones from step `first` on."""
        v = self._v[first][:, None]
        for t in range(first, self.steps):
            fired, after = self._fired[:, :, t], self._trial_v[t + 1]
            np.greater_equal(v, T[:, :, t, None], out=fired)
            np.multiply(fired, h[:, :, t, None], out=after)
            v = np.subtract(v, after, out=after)
        fired = self._fired[:, :, first:]
        new = self._trial_z = fired * self._objective.root
        gram, right = self._sums(new, first)
        errors, _ = self._objective.solve(gram, right)
        self._trial_gram, self._trial_right = gram, right
        errors[~saturates(fired, T[:, :, first:])] = np.inf
        return errors

    def _sums(self, new: Array, first: int) -> tuple[Array, Array]:
        """Σ z_t z_s w and Σ z_t f w of trials whose steps from `first` on are `new`."""
        chains, tries, steps = len(new), self._tries, self.steps
        gram, right = np.empty((chains, tries, steps, steps)), np.empty((chains, tries, steps))
        turned = np.swapaxes(new, -1, -2)
        gram[:, :, :first, :first] = self._gram[:, None, :first, :first]
        gram[:, :, :first, first:] = self._z[:, None, :first] @ turned
        gram[:, :, first:, :first] = np.swapaxes(gram[:, :, :first, first:], -1, -2)
        gram[:, :, first:, first:] = ridged(new @ turned)
        right[:, :, :first] = self._right[:, None, :first]
        right[:, :, first:] = new @ self._objective.target
        return gram, right

    def _take(
        self,
        chains: npt.NDArray[np.intp],
        which: npt.NDArray[np.intp],
        trial: tuple[Floats, Floats],
        errors: Array,
        first: int,
    ) -> None:
        """Accept the trial `which` of each of `chains`."""
        at = chains, which
        self._T[chains], self._h[chains], self._errors[chains] = trial[0][at], trial[1][at], errors[at]
        self._v[first + 1 :, chains] = self._trial_v[first + 1 :, chains, which]
        self._z[chains, first:] = self._trial_z[at]
        self._gram[chains], self._right[chains] = self._trial_gram[at], self._trial_right[at]
