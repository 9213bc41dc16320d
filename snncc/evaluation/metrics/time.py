# SPDX-License-Identifier: Apache-2.0
"""Metrics of time: time steps by the coding, and measured milliseconds."""

from __future__ import annotations

from snncc.evaluation.metrics.metric import Metric, as_pair

__all__ = ["LATENCY_STEPS", "TIME"]

LATENCY_STEPS = Metric(
    "latency.steps",
    lambda found: None if found.steps is None else found.steps.latency,
    "latency",
    "time steps",
    text=lambda steps: ("", "unknown" if steps is None else str(steps)),
)

TIME = (
    LATENCY_STEPS,
    Metric(
        "latency.interval_steps",
        lambda found: None if found.steps is None else found.steps.interval,
        "... next sample after",
        shown=lambda found: found.steps is not None,
    ),
    Metric("latency.samples_per_step", lambda found: None if found.steps is None else 1 / found.steps.interval),
    Metric(
        "latency.ms_per_sample",
        lambda found: found.milliseconds,
        "ms per sample, batch {found.timed_batch}",
        form=".3g",
        json=as_pair,
    ),
    Metric("latency.batch", lambda found: found.timed_batch),
)
