# SPDX-License-Identifier: Apache-2.0
"""Reservoir sampling: a uniform sample of bounded size from a stream of unknown length."""

from __future__ import annotations

import numpy as np

from snncc.io.batches import Batch
from snncc.ops.arrays import Array

__all__ = ["Reservoir"]

_SEED = 7


class Reservoir:
    """Keeps `size` samples, each sample of the stream with equal chance; the same stream gives the same samples.

    How the stream is cut into batches makes no difference.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._rng = np.random.default_rng(_SEED)
        self._seen = 0
        self._kept: list[dict[str, Array]] = []

    def update(self, batch: Batch) -> None:
        """Add one batch (algorithm R)."""
        for index in range(len(next(iter(batch.values())))):
            sample = {name: array[index] for name, array in batch.items()}
            self._seen += 1
            if len(self._kept) < self._size:
                self._kept.append({k: v.copy() for k, v in sample.items()})
            elif (place := int(self._rng.integers(self._seen))) < self._size:
                self._kept[place] = {k: v.copy() for k, v in sample.items()}

    def samples(self) -> Batch:
        """What was kept, as one batch."""
        return {name: np.stack([s[name] for s in self._kept]) for name in self._kept[0]}
