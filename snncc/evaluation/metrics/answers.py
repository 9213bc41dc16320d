# SPDX-License-Identifier: Apache-2.0
"""Metrics of the answers: accuracy and agreement."""

from __future__ import annotations

from snncc.evaluation.metrics.metric import Metric, Pair, as_pair

__all__ = ["AGREEMENT", "ANSWERS", "DROP", "OUTPUT_ERROR", "SAMPLES", "TOP1", "TOP5"]


def _drop(top1: Pair | None) -> float | None:
    return None if top1 is None else top1[0] - top1[1]


SAMPLES = Metric("samples", lambda found: found.tally.samples, "samples", text=lambda n: (str(n), str(n)))
TOP1: Metric[Pair | None] = Metric(
    "accuracy_percent.top1",
    lambda found: found.tally.top(1),
    "top-1 accuracy",
    "%",
    ".2f",
    shown=lambda found: found.tally.top(1) is not None,
    json=as_pair,
)
TOP5: Metric[Pair | None] = Metric(
    "accuracy_percent.top5",
    lambda found: found.tally.top(5),
    "top-5 accuracy",
    "%",
    ".2f",
    shown=lambda found: found.tally.top(5) is not None,
    json=as_pair,
)
DROP = Metric("accuracy_percent.drop_points", lambda found: _drop(found.tally.top(1)))
AGREEMENT = Metric(
    "agreement",
    lambda found: found.tally.agreement,
    "same answer",
    "%",
    text=lambda share: ("", f"{100 * share:.2f}"),
    shown=lambda found: found.tally.classifies,
)
OUTPUT_ERROR = Metric(
    "output_error",
    lambda found: found.tally.error,
    "mean difference of outputs",
    "% of mean",
    text=lambda error: ("", f"{100 * error:.2f}"),
    shown=lambda found: not found.tally.classifies,
)

ANSWERS = (SAMPLES, TOP1, TOP5, DROP, AGREEMENT, OUTPUT_ERROR)
