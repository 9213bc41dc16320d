# SPDX-License-Identifier: Apache-2.0
"""Data-free calibration: run noise through the network, scaled to the level that its statistics predict."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Any

import numpy as np

from snncc.analysis.integer_inputs import id_ranges
from snncc.calibration.observers import ActivationSite, Observer, observe
from snncc.calibration.synthetic_inputs import OPEN_AXIS, batch_statistics, coloured_noise, input_statistics, random_ids
from snncc.io.batches import Batch
from snncc.io.input_specs import InputSpec
from snncc.ir.graph import Graph
from snncc.ops.arrays import Array

__all__ = ["Noise", "noise_for", "observe_noise"]

log = logging.getLogger("snncc")

Span = tuple[float, float]

_SEED = 20240
_NOISE_VALUES = 2**22  # how many input values of noise are sent through the network, at most
_NOISE_SAMPLES = 256
_MARGIN = 4.0  # standard deviations of an input that was never seen, on either side of its mean


@dataclass(frozen=True)
class Noise:
    """Noise for a network.

    Attributes:
        feeds: Batches {input: [n, …]}.
        count: How many samples.
        largest: The largest magnitude of each floating-point input that is expected, by name.
        known: Whether the level of the inputs is known.
        note: What that is, for the user.
    """

    feeds: list[Batch]
    count: int
    largest: dict[str, float]
    known: bool
    note: str


def noise_for(graph: Graph, specs: list[InputSpec], input_range: Span | None) -> Noise:
    """Noise at the level that `graph` was probably trained at; deterministic for a given network."""
    rng = np.random.default_rng(_SEED)
    size = max(int(np.prod([d if isinstance(d, int) else OPEN_AXIS for d in s.shape[1:]])) for s in specs)
    count = int(np.clip(_NOISE_VALUES // size, 8, _NOISE_SAMPLES))
    fixed = specs[0].shape[0]  # a batch that stayed fixed sets how many samples share their statistics
    batch = fixed if isinstance(fixed, int) else count
    parts, ranges = range(-(-count // batch)), id_ranges(graph, OPEN_AXIS)
    waves = {s.name: s for s in specs if s.name not in ranges}
    noise = [{name: coloured_noise(s, batch, rng) for name, s in waves.items()} for _ in parts]
    found = _input_level(graph, noise[0], input_range) if waves else (0.0, 1.0, 1.0, "")
    level, deviation, largest, note = found or (0.5, 0.25, 1.0, " within 0 … 1")
    low, high = input_range or (-np.inf, np.inf)
    feeds = [
        {k: np.clip(v * deviation + level, low, high).astype(waves[k].dtype) for k, v in n.items()}
        | {s.name: random_ids(s, batch, ranges[s.name], rng) for s in specs if s.name in ranges}
        for n in noise
    ]
    return Noise(feeds, count, dict.fromkeys(waves, largest), found is not None, note)


def observe_noise(
    graph: Graph, sites: list[ActivationSite], specs: list[InputSpec], input_range: Span | None, watcher: Observer
) -> tuple[dict[str, float], dict[str, Any], Batch]:
    """Run `graph` on noise for `watcher`: (largest inputs, their origin, a batch of the noise)."""
    noise = noise_for(graph, specs, input_range)
    if not noise.known:
        log.warning(
            "WARNING: this network has no BatchNormalization next to its input that would tell the input's range, and "
            "all scales hang on it; 0 … 1 is assumed. Give --input-range LO HI or, better, calibration data (--calib)"
        )
    kind = "coloured noise" if noise.largest else "random ids"
    log.warning("no calibration data: scales come from %d samples of %s%s", noise.count, kind, noise.note)
    observe(batch_statistics(graph), sites, watcher, noise.feeds)
    return noise.largest, {"origin": "noise", "seed": _SEED, "samples": noise.count}, noise.feeds[0]


def _input_level(
    graph: Graph, noise: dict[str, Array], input_range: Span | None
) -> tuple[float, float, float, str] | None:
    """The assumed (mean, standard deviation, largest magnitude) of the input, and a note for the user."""
    if input_range is not None:
        low, high = input_range
        return (low + high) / 2, (high - low) / 4, max(abs(low), abs(high)), f" within {low:g} … {high:g}"
    known = input_statistics(graph, noise)
    if known is None:
        return None
    level, deviation = known
    return level, deviation, abs(level) + _MARGIN * deviation, ""
