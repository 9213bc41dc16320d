# SPDX-License-Identifier: Apache-2.0
"""Latency, throughput and profile of a spiking network, compared with its ANN."""

from __future__ import annotations

from snncc.tools.bench.profile import NodeTime
from snncc.tools.bench.result import Benchmark, Timing
from snncc.tools.bench.run import benchmark

__all__ = ["Benchmark", "NodeTime", "Timing", "benchmark"]
