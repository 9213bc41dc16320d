# SPDX-License-Identifier: Apache-2.0
"""Choose how neurons realise bounds, from the values observed on calibration data or noise.

Where values exceed the bounds rarely, or by little, they pass unchanged, and neurons code by how much they exceed the
bounds. Otherwise neurons code the values within. A bound that is far from all values is left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain, islice

import numpy as np

from snncc.analysis.cpu_session import cpu_session, must_run
from snncc.analysis.intervals import Interval
from snncc.calibration.data_free import noise_for
from snncc.calibration.synthetic_inputs import batch_statistics
from snncc.coding.bound_forms import BoundForm, Forms
from snncc.errors import CalibrationError
from snncc.io.batches import Samples, batches
from snncc.io.input_specs import InputSpec
from snncc.io.preprocess import Preprocess
from snncc.ir.graph import Graph, Node
from snncc.ops.arrays import Array
from snncc.passes.canonicalise.bounds_to_relu import free_bounds

__all__ = ["bound_forms", "head_of"]

_BATCHES, _BATCH = 32, 64  # of the data that are looked at
_CLEARLY = 1 / 4  # if two powers are similar, their order is not significant
_RARE = 1 / 64  # ratio of the power of excesses to that of bounded values: an eighth of their size
_FAR = 16.0  # times the largest value seen: none that neurons send is so much larger than what calibration saw
_GUESSED = 4096.0  # the same, of values whose size is a guess


def head_of(data: Samples | None) -> tuple[Samples | None, Samples | None]:
    """The first items of `data`, and the complete data again; only iterators need this distinction."""
    if not isinstance(data, Iterator):
        return data, data
    head = list(islice(data, _BATCHES * _BATCH))
    return head, chain(head, data)


def bound_forms(
    graph: Graph, data: Samples | None, preprocess: Preprocess | None, input_range: tuple[float, float] | None
) -> Forms:
    """The form of each bound of the imported `graph` that differs from the default, by node.

    Raises:
        CalibrationError: the data does not fit the model.
    """
    found = {node.name: (node, interval) for node, interval in free_bounds(graph)}
    if not found:
        return {}
    specs = [InputSpec(i.name, tuple(i.shape), np.dtype(i.dtype)) for i in graph.inputs]
    feeds: Iterable[Mapping[str, Array]]
    if data is None:
        noise = noise_for(graph, specs, input_range)
        feeds, graph, far = noise.feeds, batch_statistics(graph), _FAR if noise.known else _GUESSED
    else:
        stream = batches(data, specs, preprocess=preprocess, batch_size=_BATCH, error=CalibrationError)
        feeds, far = islice(stream, _BATCHES), _FAR
    seen = {name: _watcher(node, interval, far) for name, (node, interval) in found.items()}
    tensors = sorted({t for each in seen.values() for t in each.tensors})
    with must_run("the imported network"):
        session = cpu_session(graph.to_proto(), tensors)
        for batch in feeds:
            values = dict(zip(tensors, session.run(tensors, dict(batch)), strict=True))
            for each in seen.values():
                each.update(*(values[name].astype(np.float64) for name in each.tensors))
    forms = {name: each.form() for name, each in seen.items()}
    return {name: form for name, form in forms.items() if form != BoundForm()}


def _watcher(node: Node, interval: Interval | None, far: float) -> _Within | _Between:
    if interval is not None:
        return _Within(interval, far)
    first, second = node.inputs
    return _Between(first.name, second.name, node.op == "Max")


@dataclass
class _Within:
    """Statistics of values that constant bounds restrict to an interval."""

    interval: Interval
    far: float
    _power: float = 0.0  # sums of squares: of the bounded values, from the middle of the interval
    _under: float = 0.0  # and of values below, and above
    _over: float = 0.0
    _largest: float = 0.0

    @property
    def tensors(self) -> tuple[str, ...]:
        return (self.interval.source.name,)

    def update(self, values: Array) -> None:
        """Add one batch."""
        low, high = self.interval.low, self.interval.high
        self._power += float(np.square(np.clip(values, low, high) - self.interval.middle).sum())
        self._under += float(np.square(np.maximum(low - values, 0)).sum())
        self._over += float(np.square(np.maximum(values - high, 0)).sum())
        self._largest = max(self._largest, float(np.abs(values).max(initial=0.0)))

    def form(self) -> BoundForm:
        """The form for the observed values."""
        outside = self._under + self._over
        rare = bool(np.isfinite(outside)) and outside <= _RARE * self._power
        return BoundForm(rare, *(self._is_far(end, out) for end, out in self._ends()))

    def _ends(self) -> tuple[tuple[Array, float], tuple[Array, float]]:
        return (self.interval.low, self._under), (self.interval.high, self._over)

    def _is_far(self, end: Array, outside: float) -> bool:
        bounds = np.isfinite(end).any() and outside == 0 and self._largest > 0
        return bool(bounds and (np.abs(end) > self.far * self._largest).all())


@dataclass
class _Between:
    """Statistics of two values of which the larger or the smaller is selected."""

    first: str
    second: str
    up: bool
    _powers: list[float] = field(default_factory=lambda: [0.0, 0.0])

    @property
    def tensors(self) -> tuple[str, ...]:
        return (self.first, self.second)

    def update(self, first: Array, second: Array) -> None:
        """Add one batch."""
        ahead = first - second if self.up else second - first
        for index, part in enumerate((ahead, -ahead)):
            self._powers[index] += float(np.square(np.maximum(part, 0)).sum())

    def form(self) -> BoundForm:
        """The form that passes the first value unchanged, if the second is selected far less often or by a far smaller
        margin.
        """
        return BoundForm(keeps=self._powers[1] < _CLEARLY * self._powers[0])
