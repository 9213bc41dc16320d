# SPDX-License-Identifier: Apache-2.0
"""From a prepared ReLU network, and data or none, to the neurons' scales."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from snncc.coding import Coding
from snncc.errors import CalibrationError, OptionError
from snncc.extents import extents
from snncc.graph import Graph
from snncc.histogram import LeastSquares, Percentile
from snncc.noise import OPEN_AXIS, batch_statistics, coloured_noise, input_statistics, random_ids
from snncc.observe import Maximum, Observer, Place, observe, places
from snncc.potentials import samples_that_fit
from snncc.preprocess import Preprocess
from snncc.progress import track
from snncc.reservoir import Reservoir
from snncc.samples import Batch, Digest, Samples, batches, count_of
from snncc.scales import NORMALIZATIONS, Scales
from snncc.specs import InputSpec
from snncc.tokens import id_ranges, sources

__all__ = ["Method", "calibrate"]

log = logging.getLogger("snncc")

Array = npt.NDArray[Any]

SCALES = ("max", "percentile", "least-squares")
_SEED = 20240
_BATCH = 64
_NOISE_VALUES = 2**22  # how many input values of noise are sent through the network, at most
_NOISE_SAMPLES = 256
_MARGIN = 4.0  # standard deviations of an input that was never seen, on either side of its mean


@dataclass(frozen=True)
class Method:
    """How scales are taken from activations.

    Args:
        normalize: One scale per `channel`, per `layer`, or `none`: per channel, but kept with the neuron.
        scale: `max` of a channel's activations, a `percentile` of them, or `least-squares`: what codes them with least
            error; None: `percentile` if one is given, else `least-squares` with data and `max` without.
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

    def settled(self, *, data: bool) -> Method:
        """The same with `scale` decided."""
        default = "percentile" if self.percentile is not None else "least-squares" if data else "max"
        return replace(self, scale=self.scale or default)

    def observer(self, coding: Coding) -> Observer:
        """What takes the activations down."""
        match self.scale:
            case "percentile":
                return Percentile(float(self.percentile or 100))
            case "least-squares":
                return LeastSquares(coding.code)
            case _:
                return Maximum()


def calibrate(
    graph: Graph, coding: Coding, method: Method, data: Samples | None, preprocess: Preprocess | None = None
) -> tuple[Scales, Batch | None]:
    """Scales of all neurons-to-be in `graph`, from `data` or, without data, from noise; and a sample of the data.

    Raises:
        CalibrationError: the data does not fit the model, or an activation is not finite.
    """
    spots = places(graph)
    if method.normalize == "layer":
        spots = [replace(p, axis=None) for p in spots]
    specs = [InputSpec(i.name, tuple(i.shape), np.dtype(i.dtype)) for i in graph.inputs]
    method = method.settled(data=data is not None)
    watcher = method.observer(coding)
    kept: Batch | None = None
    trial: Batch = {}
    if data is None:
        values, inputs, origin, trial = _from_noise(graph, spots, specs, method, watcher)
    else:
        digest = Digest()
        reservoir = Reservoir(samples_that_fit(graph))
        stream = _watched(_shown(data, specs, preprocess), digest, reservoir)
        values, inputs = observe(graph, spots, watcher, stream)
        origin = {"origin": "data", "sha256": digest.hexdigest(), "samples": digest.samples}
        kept = reservoir.samples()
    origin |= {
        "method": method.scale,
        "percentile": method.percentile,
        "normalize": method.normalize,
        "input_range": method.input_range,
    }
    scales = {p.tensor: _settled(p, values[p.tensor]) for p in spots}
    if coding.fixed_scale is not None:
        scales = dict.fromkeys(scales, np.full(1, coding.fixed_scale))
    potentials, analog = extents(graph if kept else batch_statistics(graph), kept or trial)
    inputs |= {t.name: max(map(abs, analog[t.name])) for t in sources(graph) if t.name not in inputs}
    inputs = {name: largest or 1.0 for name, largest in inputs.items()}
    return Scales(scales, inputs, potentials, analog, method.normalize, origin), kept


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


def _settled(place: Place, values: Array) -> Array:
    """A positive scale for every channel: one that never fires takes its layer's, a layer that never fires takes 1."""
    if not np.isfinite(values).all():
        way_out = "Is the preprocessing right? Try fewer or smaller inputs."
        raise CalibrationError(f"calibration: activation '{place.tensor}' overflows to infinity or NaN. {way_out}")
    largest = float(values.max(initial=0.0))
    if largest <= 0:
        return np.ones(1)
    return place.broadcast(np.where(values > 0, values, largest))


def _from_noise(
    graph: Graph, spots: list[Place], specs: list[InputSpec], method: Method, watcher: Observer
) -> tuple[dict[str, Array], dict[str, float], dict[str, Any], Batch]:
    """(Scales, largest inputs, where they come from, a batch of the noise)."""
    rng = np.random.default_rng(_SEED)
    size = max(int(np.prod([d if isinstance(d, int) else OPEN_AXIS for d in s.shape[1:]])) for s in specs)
    count = int(np.clip(_NOISE_VALUES // size, 8, _NOISE_SAMPLES))
    fixed = specs[0].shape[0]  # a batch that stayed fixed sets how many samples share their statistics
    batch = fixed if isinstance(fixed, int) else count
    parts, ranges = range(-(-count // batch)), id_ranges(graph, OPEN_AXIS)
    waves = {s.name: s for s in specs if s.name not in ranges}
    noise = [{name: coloured_noise(s, batch, rng) for name, s in waves.items()} for _ in parts]
    level, deviation, largest, note = _input_level(graph, noise[0], method) if waves else (0.0, 1.0, 1.0, "")
    low, high = method.input_range or (-np.inf, np.inf)
    feeds = [
        {k: np.clip(v * deviation + level, low, high).astype(waves[k].dtype) for k, v in n.items()}
        | {s.name: random_ids(s, batch, ranges[s.name], rng) for s in specs if s.name in ranges}
        for n in noise
    ]
    kind = "coloured noise" if waves else "random ids"
    log.warning("no calibration data: scales come from %d samples of %s%s", count, kind, note)
    values, _ = observe(batch_statistics(graph), spots, watcher, feeds)
    return values, dict.fromkeys(waves, largest), {"origin": "noise", "seed": _SEED, "samples": count}, feeds[0]


def _input_level(graph: Graph, noise: dict[str, Array], method: Method) -> tuple[float, float, float, str]:
    """(mean, standard deviation, largest magnitude) that the input is taken to have, and a note for the user."""
    if method.input_range is not None:
        low, high = method.input_range
        return (low + high) / 2, (high - low) / 4, max(abs(low), abs(high)), f" within {low:g} … {high:g}"
    known = input_statistics(graph, noise)
    if known is not None:
        level, deviation = known
        return level, deviation, abs(level) + _MARGIN * deviation, ""
    log.warning(
        "WARNING: this network has no BatchNormalization next to its input that would tell the input's range, and all "
        "scales hang on it; 0 … 1 is assumed. Give --input-range LO HI or, better, calibration data (--calib)"
    )
    return 0.5, 0.25, 1.0, " within 0 … 1"
