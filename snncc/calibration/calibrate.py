# SPDX-License-Identifier: Apache-2.0
"""Calibrate a prepared ReLU network, with or without data: the statistics from which neuron scales are computed."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from snncc.analysis.integer_inputs import activation_sources
from snncc.calibration.data_free import observe_noise
from snncc.calibration.histogram import LeastSquares, Percentile
from snncc.calibration.input_grids import input_grids
from snncc.calibration.observers import ActivationSite, Maximum, Observer, observe, places
from snncc.calibration.potential_matching import samples_that_fit
from snncc.calibration.reservoir import Reservoir
from snncc.calibration.synthetic_inputs import batch_statistics
from snncc.calibration.value_ranges import depths, value_ranges
from snncc.coding import Coding
from snncc.coding.scales import NORMALIZATIONS, SCALES, LayerSettings, Scales
from snncc.errors import CalibrationError, OptionError
from snncc.io.batches import Batch, Samples, batches, count_of
from snncc.io.digests import Digest
from snncc.io.input_specs import InputSpec
from snncc.io.preprocess import Preprocess
from snncc.io.progress import track
from snncc.ir.graph import Graph
from snncc.ops.arrays import Array

__all__ = ["Calibration", "ScaleMethod", "calibrate"]

_BATCH = 64
_SILENT = 2.0**-100  # activations that are not larger count as 0: the inverse of a scale must fit into float32
_HELD = 4  # codes whose tables of coded quotients, 1 MB each, are kept


@dataclass(frozen=True)
class ScaleMethod:
    """How scales are computed from activations.

    Args:
        normalize: One scale per `channel`, per `layer`, or `none`: per channel, but kept with the neuron.
        scale: `max` of a channel's activations, a `percentile` of them, or `least-squares`: the scale with the least
            coding error; None: `percentile` if one is given, else `least-squares` with data and `max` without.
        percentile: 0 < percentile <= 100.
        input_range: (lowest, highest) value of the network's input, where it is known and no data is given.
    """

    normalize: str = "channel"
    scale: str | None = None
    percentile: float | None = None
    input_range: tuple[float, float] | None = None

    def __post_init__(self) -> None:
        if self.normalize not in NORMALIZATIONS:
            raise OptionError(f"normalize is '{self.normalize}', but it must be one of {', '.join(NORMALIZATIONS)}")
        if self.scale is not None and self.scale not in SCALES:
            raise OptionError(f"scale is '{self.scale}', but it must be one of {', '.join(SCALES)}")
        if self.scale is not None and (self.scale == "percentile") != (self.percentile is not None):
            raise OptionError("scale 'percentile' and a percentile go together; give both, or the percentile alone")
        if self.percentile is not None and not isinstance(self.percentile, int | float | np.number):
            raise OptionError(f"percentile is {self.percentile!r}, but it must be a number")
        if self.percentile is not None and not 0 < self.percentile <= 100:
            raise OptionError(f"percentile is {self.percentile}, but it must be above 0 and at most 100; try 99.9")
        span = self.input_range
        if span is not None and not (len(span) == 2 and np.isfinite(span).all() and span[0] < span[1]):
            raise OptionError(f"input range {span} must be two finite numbers, the lowest value first")

    def settled(self, *, data: bool) -> ScaleMethod:
        """The same with a definite `scale`."""
        default = "percentile" if self.percentile is not None else "least-squares" if data else "max"
        return replace(self, scale=self.scale or default)

    def observer(self, coding: Coding) -> Observer:
        """The observer of the activations."""
        match self.scale:
            case "percentile":
                return Percentile(float(self.percentile or 100))
            case "least-squares":
                return LeastSquares(coding.code_for_scale)
            case _:
                return Maximum()


@dataclass(frozen=True)
class Calibration:
    """Activation statistics of a prepared network, from which scales are computed for any coding.

    Attributes:
        sites: The activation sites.
        samples: A uniform sample of the data; None without data.
    """

    sites: list[ActivationSite]
    samples: Batch | None
    _watcher: Observer = field(repr=False)
    _known: Scales = field(repr=False)
    _watchers: dict[tuple[Coding, float | None], Observer] = field(default_factory=dict, repr=False)

    def scales(self, coding: Coding, choices: Mapping[str, LayerSettings] | None = None) -> Scales:
        """The scales of all activation sites for `coding`; `choices` are per-layer settings, by ReLU.

        Raises:
            CalibrationError: an activation is not finite.
        """
        given = {place: (choices or {}).get(place.relu, LayerSettings()) for place in self.sites}
        found = {place.tensor: self.scale(place, coding, choice) for place, choice in given.items()}
        kept = frozenset(place.tensor for place in self.sites if place.kept)
        return replace(self._known, neurons=found, choices=dict(choices or {}), kept=kept)

    def counted(self, place: ActivationSite) -> tuple[Array, Array] | None:
        """Activations above 0 of a layer, (n,), and their counts per channel, (channels, n), if known."""
        return self._watcher.counted(place)

    def scale(self, place: ActivationSite, coding: Coding, choice: LayerSettings) -> Array:
        """The scales λ > 0 of one layer, in a shape that broadcasts to its tensor."""
        if coding.fixed_scale is not None:
            return np.full(1, coding.fixed_scale)
        coding = coding.of_layer(choice)
        key = (coding, choice.percentile)
        if key not in self._watchers:
            if len(self._watchers) >= _HELD:
                self._watchers.clear()
            percent = choice.percentile
            self._watchers[key] = (
                self._watcher.for_code(coding.code_for_scale)
                if percent is None
                else self._watcher.for_percentile(percent)
            )
        return np.minimum(choice.factor * _settled(place, self._watchers[key].result(place)), place.ceiling)


def calibrate(
    graph: Graph,
    coding: Coding,
    method: ScaleMethod,
    data: Samples | None,
    preprocess: Preprocess | None = None,
    *,
    outside: Collection[str] = (),
) -> Calibration:
    """Observe all activation sites in `graph` on `data` or, without data, on noise.

    `outside` names ReLUs that tell how far values lie outside of bounds; one that never fires gets a scale of as much
    as values stayed within them.

    Raises:
        CalibrationError: the data does not fit the model, or an activation is not finite.
    """
    sites = places(graph)
    if method.normalize == "layer":
        sites = [replace(p, axis=None) for p in sites]
    specs = [InputSpec(i.name, tuple(i.shape), np.dtype(i.dtype)) for i in graph.inputs]
    method = method.settled(data=data is not None)
    watcher = method.observer(coding)
    kept: Batch | None = None
    trial: Batch = {}
    if data is None:
        inputs, origin, trial = observe_noise(graph, sites, specs, method.input_range, watcher)
    else:
        digest = Digest.with_head()
        reservoir = Reservoir(samples_that_fit(graph))
        stream = _watched(_shown(data, specs, preprocess), digest, reservoir)
        inputs = observe(graph, sites, watcher, stream)
        origin = {"origin": "data", "sha256": digest.hexdigest(), "samples": digest.samples, "head": digest.head}
        kept = reservoir.samples()
    origin |= {
        "method": method.scale,
        "percentile": method.percentile,
        "normalize": method.normalize,
        "input_range": method.input_range,
    }
    shown, seen = graph if kept else batch_statistics(graph), kept or trial
    silent = [p.relu for p in sites if p.relu in outside and (watcher.result(p) <= _SILENT).all()]
    sites = _with_room(sites, depths(shown, seen, silent))
    potentials, analog = value_ranges(shown, seen, gates=bool(kept))
    inputs |= {t.name: max(map(abs, analog[t.name])) for t in activation_sources(graph) if t.name not in inputs}
    inputs = {name: largest or 1.0 for name, largest in inputs.items()}
    grids = input_grids(graph, kept) if kept and coding.codes_grids else {}
    if grids:
        origin["input_bits"] = {name: grid.bits for name, grid in grids.items()}
    known = Scales({}, inputs, potentials, analog, method.normalize, origin=origin, grids=grids)
    return Calibration(sites, kept, watcher, known)


def _shown(data: Samples, specs: list[InputSpec], preprocess: Preprocess | None) -> Iterator[Batch]:
    count = count_of(data)
    total = None if count is None else -(-count // _BATCH)
    stream = batches(data, specs, preprocess=preprocess, batch_size=_BATCH, error=CalibrationError)
    yield from track(stream, "calibrating", total)


def _watched(stream: Iterable[Batch], *watchers: Digest | Reservoir) -> Iterator[Batch]:
    for batch in stream:
        for watcher in watchers:
            watcher.update(batch)
        yield batch


def _with_room(sites: list[ActivationSite], below: Mapping[str, float]) -> list[ActivationSite]:
    """`sites` with a margin above 0 as large as potentials reach `below` it, by ReLU, since other data may do so."""
    return [replace(p, room=below[p.relu]) if below.get(p.relu) else p for p in sites]


def _settled(place: ActivationSite, values: Array) -> Array:
    """Positive scales: a channel that is always 0 takes its layer's scale, such a layer its `room`."""
    if not np.isfinite(values).all():
        remedy = "Is the preprocessing right? Try fewer or smaller inputs."
        raise CalibrationError(f"calibration: activation '{place.tensor}' overflows to infinity or NaN. {remedy}")
    largest = float(values.max(initial=0.0))
    if largest <= _SILENT:
        return np.full(1, place.room)
    return place.broadcast(np.where(values > _SILENT, values, largest))
