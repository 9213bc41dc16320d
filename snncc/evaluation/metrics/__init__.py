# SPDX-License-Identifier: Apache-2.0
"""The metrics of an evaluation."""

from __future__ import annotations

from typing import Any

from snncc.evaluation.metrics.answers import ANSWERS
from snncc.evaluation.metrics.energy import ENERGY
from snncc.evaluation.metrics.metric import Metric
from snncc.evaluation.metrics.spikes import SPIKES
from snncc.evaluation.metrics.time import TIME

__all__ = ["METRICS"]

# In the order of the rows of the table, and of the entries of the JSON.
METRICS: tuple[Metric[Any], ...] = (*ANSWERS, *SPIKES, *ENERGY, *TIME)
