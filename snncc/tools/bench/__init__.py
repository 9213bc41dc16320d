# SPDX-License-Identifier: Apache-2.0
"""Latency and throughput of a spiking network beside its ANN, and where its time goes."""

from __future__ import annotations

from snncc.tools.bench.profile import NodeTime
from snncc.tools.bench.result import Benchmark, Timing
from snncc.tools.bench.run import benchmark

__all__ = ["Benchmark", "NodeTime", "Timing", "benchmark"]
