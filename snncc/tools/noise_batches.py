# SPDX-License-Identifier: Apache-2.0
"""Seeded noise as input for first looks and timings without data."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import onnx

from snncc.analysis.integer_inputs import id_ranges
from snncc.calibration.synthetic_inputs import OPEN_AXIS, coloured_noise, input_statistics, random_ids
from snncc.frontend.import_model import import_model
from snncc.io.input_specs import specs_of

__all__ = ["noise_batches"]


def noise_batches(
    source: onnx.ModelProto, size: int, input_range: tuple[float, float] | None = None
) -> Iterator[dict[str, Any]]:
    """Endless batches of `size` samples for a network as it was before conversion.

    Coloured noise with the mean and spread that the network's first BatchNormalization remembers, or within
    `input_range`; random ids.
    """
    graph = import_model(source)
    specs, ranges = specs_of(source), id_ranges(graph, OPEN_AXIS)
    waves = [s for s in specs if s.name not in ranges]
    rng = np.random.default_rng(1)
    low, high = input_range or (-np.inf, np.inf)
    middle, deviation = ((low + high) / 2, (high - low) / 4) if input_range else (0.5, 0.25)
    known = input_range is not None or not waves
    while True:
        noise = {s.name: coloured_noise(s, size, rng) for s in waves}
        if not known:
            middle, deviation = input_statistics(graph, noise) or (middle, deviation)
            known = True
        ids = {s.name: random_ids(s, size, ranges[s.name], rng) for s in specs if s.name in ranges}
        yield ids | {s.name: np.clip(noise[s.name] * deviation + middle, low, high).astype(s.dtype) for s in waves}
