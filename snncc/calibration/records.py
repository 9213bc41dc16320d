# SPDX-License-Identifier: Apache-2.0
"""Room for activations above all that calibration saw: the records that one more sample is expected to set.

Of n + 1 exchangeable samples, each has the largest maximum of a channel with probability 1 / (n + 1). How far a new
record lies above the largest of n maxima is not known; it is taken to be as far as the largest lies above the second
largest, in any channel of the layer. Counts of n samples therefore get n / (n + 1) times the activations of one record,
with the ratios to the previous one that the layer's channels show.
"""

from __future__ import annotations

import numpy as np

from snncc.ops.arrays import Array

__all__ = ["Records", "with_records"]

_PARTS = 32  # of an octave: a new record lies at most an octave above the largest activation
_FEWEST = 16  # samples: the ratios of fewer say little


class Records:
    """The largest and the second largest of the samples' maxima, per channel, (channels,)."""

    def __init__(self) -> None:
        self.samples = 0
        self.largest: Array = np.zeros(1)
        self.second_largest: Array = np.zeros(1)

    def update(self, value: Array, axis: int | None) -> None:
        """Add a batch, with samples on axis 0 and channels on `axis`; None: all activations are one channel."""
        others = tuple(a for a in range(1, value.ndim) if a != axis)
        maxima = np.maximum(value.max(axis=others, initial=0), 0).reshape(len(value), -1)
        before = np.broadcast_to([self.largest, self.second_largest], (2, maxima.shape[1]))
        self.second_largest, self.largest = np.sort(np.concatenate([before, maxima]), axis=0)[-2:]
        self.samples += len(value)


def with_records(counts: Array, records: Records, edges: Array, ceiling: float) -> Array:
    """Counts (channels, bins) with those of the records of one more sample, none of them above the `ceiling`.

    `edges` are those of the bins, (bins + 1,). The activations of a record are those above the second largest maximum.
    """
    known = np.flatnonzero((records.second_largest > edges[0]) & (records.largest < edges[-1]))
    if records.samples < _FEWEST or not len(known):
        return counts
    centres = (edges[:-1] + edges[1:]) / 2
    shares = np.zeros(_PARTS)
    for channel in known:
        above = np.flatnonzero((edges[:-1] > records.second_largest[channel]) & (counts[channel] > 0))
        places = (_PARTS * np.log2(centres[above] / records.second_largest[channel])).astype(np.int64)
        np.add.at(shares, np.minimum(places, _PARTS - 1), counts[channel, above])
    shares *= records.samples / (records.samples + 1) / len(known)
    ratios = 2 ** ((np.arange(_PARTS) + 0.5) / _PARTS)
    found = counts.astype(np.float64)
    for channel in np.flatnonzero(records.largest > edges[0]):
        values = np.minimum(records.largest[channel] * ratios, max(ceiling, records.largest[channel]))
        bins = np.minimum(np.searchsorted(edges, values, side="right"), len(centres)) - 1
        np.add.at(found[channel], bins, shares)
    return found
