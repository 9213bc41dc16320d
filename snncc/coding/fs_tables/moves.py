# SPDX-License-Identifier: Apache-2.0
"""Random changes of the tables (T, h) of few-spikes neurons, vectorised over neurons."""

from __future__ import annotations

import numpy as np

from snncc.coding.fs_tables.neuron import ALWAYS, Floats

__all__ = ["changed", "inserted"]

# Shares of the kinds of changes, as they are tested for.
_T, _H, _BOTH, _FOLLOWING, _MOVED, _RENEWED, _THRESHOLD = 0.2, 0.4, 0.6, 0.75, 0.8, 0.88, 0.92
_SMALLEST = -2.5  # decimal logarithm of the size of changes, in ranges
_LARGEST, _SHRINKING = -0.3, 1.5  # at the beginning, and what is less of it at the end
_ALWAYS_SHARE = 0.15  # of new thresholds


def changed(
    rng: np.random.Generator, T: Floats, h: Floats, v: Floats, t: int, done: float, width: float
) -> tuple[Floats, Floats]:
    """Tables T, h [chains, tries, K] with one change each, at step t and none before.

    Changes get smaller the more is `done`. Potentials before step t are v [chains, points].
    """
    share = rng.random((8, *T.shape[:2]))
    kind, u, half = share[0], share[1], share[2] < 0.5
    unit = rng.standard_normal(kind.shape) * width
    size = (unit * 10 ** (_SMALLEST + (_LARGEST - _SHRINKING * done - _SMALLEST) * u)).astype(np.float32)
    T, h = T.copy(), h.copy()
    T[..., t] += size * ((kind < _T) | ((kind >= _H) & (kind < _BOTH)))
    h[..., t] += size * ((kind >= _T) & (kind < _BOTH))
    # What follows moves along with the potentials that this step leaves.
    following = (kind >= _BOTH) & (kind < _FOLLOWING)
    h[..., t] -= size * following
    T += (following[..., None] & (np.arange(T.shape[-1]) >= np.where(half, t, t + 1)[..., None])) * size[..., None]
    chosen = (share[3:6] * v.shape[1]).astype(np.intp)
    potentials = v[np.arange(len(v))[:, None], chosen]
    threshold = np.where(share[6] < _ALWAYS_SHARE, np.float32(ALWAYS), potentials[0])
    fresh = (kind >= _RENEWED) & ((kind < _THRESHOLD) | half)
    T[..., t] = np.where(fresh, threshold, T[..., t])
    # One piece of the range lands on another.
    h[..., t] = np.where(kind >= _THRESHOLD, potentials[1] - potentials[2], h[..., t])
    for at in zip(*np.nonzero((kind >= _FOLLOWING) & (kind < _RENEWED)), strict=True):
        other = t + int(share[7][at] * (T.shape[-1] - t))
        source, target = (t, other) if half[at] else (other, t)
        if kind[at] >= _MOVED:
            T[at][source], h[at][source] = threshold[at], unit[at] * 10 ** (2.5 * u[at] - 2.5)
        order = np.insert(np.delete(np.arange(T.shape[-1]), source), target, source)
        T[at], h[at] = T[at][order], h[at][order]
    return T, h


def inserted(
    rng: np.random.Generator, T: Floats, h: Floats, v: Floats, tries: int, width: float
) -> list[tuple[Floats, Floats]]:
    """Tables T, h [K] with an additional step, idle or random, for potentials v [K + 1, points]."""
    found = [(np.append(T, np.float32(ALWAYS)), np.append(h, np.float32(0)))]
    for _ in range(tries):
        j = int(rng.integers(len(v)))
        threshold, *ends = v[j, rng.integers(v.shape[1], size=3)]
        if rng.random() < _ALWAYS_SHARE:
            threshold = np.float32(ALWAYS)
        reset = ends[0] - ends[1] if rng.random() < 0.5 else rng.normal() * width * 10 ** rng.uniform(-2.5, 0)
        found.append((np.insert(T, j, threshold), np.insert(h, j, np.float32(reset))))
    return found
