# SPDX-License-Identifier: Apache-2.0
"""Scales from the distribution of a channel's activations: a percentile, or the scale with the least coding error.

Activations are counted in bins cut straight from their float32 bits: 32 per octave, so that a bin is 1.6 to 3 % wide.
"""

from __future__ import annotations

import sys
from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from snncc.calibration.observers import ActivationSite, Observer
from snncc.calibration.records import Records, with_records
from snncc.ir.proto_builder import Builder
from snncc.ops.arrays import Array

__all__ = ["LeastSquares", "Percentile"]

_MANTISSA_BITS = 5
_SHIFT = 23 - _MANTISSA_BITS
_LOWEST = np.float32(2.0**-24).view(np.int32) >> _SHIFT  # smaller activations count as 0
_OCTAVES = 48
_OCTAVE = 1 << _MANTISSA_BITS  # in bins
_BINS = _OCTAVES * _OCTAVE  # up to 2^24
_FREE = 1e-6  # of a channel's power: errors that no network notices
_EDGES = ((np.arange(_BINS + 1, dtype=np.int32) + _LOWEST) << _SHIFT).view(np.float32).astype(np.float64)
_CENTRES = (_EDGES[:-1] + _EDGES[1:]) / 2
_SEARCHED = 3 * _OCTAVE  # bins below the largest activation in which scales are searched
_UPPER = int(sys.byteorder == "little")  # which half of a float32 holds its sign, its exponent and its first bits
# The bin of each upper half: 0 for values that count as 0, negative ones among them.
_BIN_OF = np.clip((np.arange(2**16, dtype=np.uint32) << 16).view(np.int32) // 2**_SHIFT - (_LOWEST - 1), 0, _BINS)
_BIN_OF = _BIN_OF.astype(np.intp)
_ALONE = 2**18  # multiplications of a matrix product that a BLAS does not distribute over threads


def _tops(counts: Array) -> Array:
    """The edge above all values of each channel, from counts (channels, bins); 0 if there are none."""
    seen = counts > 0
    return np.asarray(np.where(seen.any(axis=1), counts.shape[1] - seen[:, ::-1].argmax(axis=1), 0))


def _product(counts: Array, table: Array) -> Array:
    """counts @ table, in parts that take one thread: sharing so little work costs more than the work itself."""
    columns = max(1, _ALONE // max(counts.size, 1))
    return np.concatenate([counts @ table[:, k : k + columns] for k in range(0, table.shape[1], columns)], axis=1)


@dataclass
class _Histogram(Observer):
    """Counts (channels, 1 + bins): bin 0 holds the zeros."""

    _counts: dict[str, Array] = field(default_factory=dict, init=False, repr=False)
    _maxima: dict[str, Array] = field(default_factory=dict, init=False, repr=False)
    _records: dict[str, Records] = field(default_factory=dict, init=False, repr=False)
    _expected: dict[str, Array] = field(default_factory=dict, init=False, repr=False)  # counts, with those of records

    def probe(self, build: Builder, place: ActivationSite) -> str:  # noqa: ARG002 - nothing to add to the network
        """The activations themselves."""
        return place.tensor

    def update(self, place: ActivationSite, value: Array) -> None:
        """Count each activation in its channel's histogram."""
        axis = place.axis
        channels = 1 if axis is None else value.shape[axis]
        largest = value.max(axis=tuple(a for a in range(value.ndim) if a != axis), initial=0.0)
        self._maxima[place.tensor] = np.maximum(self._maxima.get(place.tensor, 0.0), np.atleast_1d(largest))
        halves = np.ascontiguousarray(value, np.float32).reshape(-1).view(np.uint16)
        bins = _BIN_OF[halves[_UPPER::2]].reshape(value.shape)
        if axis is not None:
            bins += (np.arange(channels) * (_BINS + 1)).reshape(-1, *[1] * (value.ndim - axis % value.ndim - 1))
        flat = np.bincount(bins.ravel(), minlength=channels * (_BINS + 1))
        if axis != 0 and value.ndim > 1:
            self._records.setdefault(place.tensor, Records()).update(value, axis)
        self._counts[place.tensor] = self._counts.get(place.tensor, 0) + flat.reshape(channels, -1)
        self._expected.pop(place.tensor, None)

    @abstractmethod
    def result(self, place: ActivationSite) -> Array:
        """One value per channel, (channels,)."""

    def for_percentile(self, percent: float) -> Percentile:
        """The same activations, another result."""
        other = Percentile(percent)
        other._counts, other._maxima, other._records = self._counts, self._maxima, self._records
        other._expected = self._expected
        return other

    def counted(self, place: ActivationSite) -> tuple[Array, Array]:
        """The middle of each bin, (bins,), and its counts, (channels, bins), with those expected of new records."""
        return _CENTRES, self._with_records(place)

    def _with_records(self, place: ActivationSite) -> Array:
        """Counts (channels, bins), and those of the records that another sample is expected to set."""
        counts, records = self._counts[place.tensor][:, 1:], self._records.get(place.tensor)
        if records is None:
            return counts
        if place.tensor not in self._expected:
            self._expected[place.tensor] = with_records(counts, records, _EDGES, place.ceiling)
        return self._expected[place.tensor]

    def _bounded(self, place: ActivationSite, values: Array, room: Array | float = 1.0) -> Array:
        """`values`, limited to `room` times the channel's maximum, which replaces values outside of the bins.

        A maximum that is NaN or infinite shows in the result.
        """
        largest = self._maxima[place.tensor]
        counted = (largest < _EDGES[-1]) & (largest > 256 * _EDGES[0]) | (largest == 0)
        limit = np.maximum(largest, np.minimum(room * largest, place.ceiling))
        return np.where(counted, np.minimum(values, limit), largest)


@dataclass
class Percentile(_Histogram):
    """A percentile of each channel's activations, zeros included; interpolated within its bin."""

    percent: float

    def result(self, place: ActivationSite) -> Array:
        """The percentiles; 0 where that share of the activations is 0."""
        cumulative = self._counts[place.tensor].cumsum(axis=1)
        wanted = cumulative[:, -1] * (self.percent / 100)
        index = (cumulative < wanted[:, None]).sum(axis=1)
        rows = np.arange(len(index))
        below = np.where(index > 0, cumulative[rows, index - 1], 0)
        share = (wanted - below) / np.maximum(cumulative[rows, index] - below, 1)
        low, high = _EDGES[np.maximum(index - 1, 0)], _EDGES[index]
        return self._bounded(place, np.where(index > 0, low + share * (high - low), 0.0))


@dataclass
class LeastSquares(_Histogram):
    """The scale λ that minimises the mean of (a - λ code(a/λ))² over a channel's activations a.

    `code` maps activations in units of λ to what the coding makes of them. Activations above λ are cut, and calibration
    has not seen all of them: the mean counts the records that another sample is expected to set, and where levels are
    so fine that a larger λ costs next to nothing, λ goes up to twice the channel's maximum.
    """

    code: Callable[[Array], Array]
    _coded: Array | None = field(default=None, init=False, repr=False)

    def for_code(self, code: Callable[[Array], Array]) -> LeastSquares:
        """The same activations, another code."""
        other = LeastSquares(code)
        other._counts, other._maxima, other._records = self._counts, self._maxima, self._records
        other._expected = self._expected
        return other

    def result(self, place: ActivationSite) -> Array:
        """The best of all scales from three octaves below the channel's maximum; 0 for a channel that is always 0."""
        counts = self._with_records(place)
        used = np.flatnonzero(counts.any(axis=0))
        if not len(used):
            return self._bounded(place, np.zeros(len(counts)))
        top = _tops(counts)
        counts, alive = counts[:, used], top > 0
        lowest = max(top[alive].min() - _SEARCHED, 0)
        scales = np.arange(lowest, min(top.max() + _OCTAVE, _BINS) + 1)
        errors = _product(counts.astype(np.float64), self._table(used, scales))
        allowed = (scales <= top[:, None]) & (scales >= top[:, None] - _SEARCHED)
        best = scales[np.where(allowed, errors, np.inf).argmin(axis=1)]
        power = counts @ _CENTRES[used] ** 2
        roomy = (scales <= top[:, None] + _OCTAVE) & (errors <= _FREE * power[:, None])
        chosen = np.where(roomy, scales, best[:, None]).max(axis=1)
        room = np.where(chosen > top, 2.0, _EDGES[top] / _EDGES[_tops(self._counts[place.tensor][:, 1:])])
        return self._bounded(place, np.where(alive, _EDGES[chosen], 0.0), room)

    def _table(self, bins: Array, scales: Array) -> Array:
        """Squared error of a value in one of the bins coded with scale _EDGES[k], (bins, scales)."""
        if self._coded is None:
            # Quotients depend on both mantissas and on the distance in octaves: 25 times fewer than bins times scales.
            octaves = 2.0 ** np.arange(-_OCTAVES, _OCTAVES)[:, None, None]
            self._coded = self.code(octaves * (_CENTRES[:_OCTAVE, None] / _EDGES[:_OCTAVE]))
        (above, bin_), (below, scale) = np.divmod(bins, _OCTAVE), np.divmod(scales, _OCTAVE)
        coded = self._coded[above[:, None] - below + _OCTAVES, bin_[:, None], scale]
        return np.asarray((_EDGES[scales] * coded - _CENTRES[bins][:, None]) ** 2)
