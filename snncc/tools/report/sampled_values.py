# SPDX-License-Identifier: Apache-2.0
"""Uniform sample of values from a stream, so that figures need bounded memory."""

from __future__ import annotations

import numpy as np

from snncc.ops.arrays import Array

__all__ = ["Drawn"]


class Drawn:
    """A seeded uniform sample of at most `size` of the added rows.

    Every row draws a key, and the rows with the smallest keys stay.
    """

    def __init__(self, size: int, columns: int, seed: int) -> None:
        self._size = size
        self._rng = np.random.default_rng(seed)
        self._keys = np.zeros(0)
        self._rows = np.zeros((columns, 0))

    def add(self, *columns: Array) -> None:
        """Add rows, given as columns of equal length."""
        keys = self._rng.random(columns[0].size)
        highest = self._keys.max() if len(self._keys) == self._size else 1.0
        picked = np.flatnonzero(keys < highest)
        keys = np.concatenate([self._keys, keys[picked]])
        rows = np.concatenate([self._rows, np.stack([c.ravel()[picked] for c in columns])], axis=1)
        kept = np.sort(np.argpartition(keys, self._size)[: self._size]) if keys.size > self._size else slice(None)
        self._keys, self._rows = keys[kept], rows[:, kept]

    def columns(self) -> tuple[Array, ...]:
        """The columns of the sampled rows."""
        return tuple(self._rows)
