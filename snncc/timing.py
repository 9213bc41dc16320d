# SPDX-License-Identifier: Apache-2.0
"""How long networks take: measured time in onnxruntime, and time steps on spiking hardware."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from statistics import median
from typing import Any

import onnx

from snncc.network import Network
from snncc.recorded import recorded_coding

__all__ = ["latency_steps", "milliseconds"]

_BUDGET = 3.0  # seconds, unless one round takes longer
_ROUNDS = 9


def milliseconds(sessions: Sequence[Any], feeds: Mapping[str, Any], samples: int) -> list[float]:
    """Median time of one sample in each of the onnxruntime sessions, in milliseconds.

    The sessions take turns, after a run each to warm up, so that a busy moment of the machine strikes them alike.
    """
    for session in sessions:
        session.run(None, feeds)
    times: list[list[float]] = [[] for _ in sessions]
    started = time.perf_counter()
    while len(times[0]) < _ROUNDS and (not times[0] or time.perf_counter() - started < _BUDGET):
        for session, taken in zip(sessions, times, strict=True):
            before = time.perf_counter()
            session.run(None, feeds)
            taken.append(time.perf_counter() - before)
    return [1e3 * median(taken) / samples for taken in times]


def latency_steps(model: onnx.ModelProto, network: Network) -> int | None:
    """Time steps until the output is there, by the coding in the model's metadata; None if that cannot be read."""
    coding = recorded_coding(model)
    return None if coding is None else coding.latency(network.depth) + network.recurrent_steps
