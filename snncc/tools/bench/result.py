# SPDX-License-Identifier: Apache-2.0
"""Results of a benchmark."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import onnxruntime as ort

from snncc.tools.bench.profile import NodeTime

__all__ = ["PERCENTILES", "Benchmark", "Timing"]

PERCENTILES = (50, 90, 99)


@dataclass(frozen=True)
class Timing:
    """Timing of one network on one batch.

    Attributes:
        name: `ann`, `body`: the SNN in plain onnxruntime, or `kernels`: the SNN with snncc's kernels.
        ms: Percentiles 50, 90 and 99 of the milliseconds of a run.
        throughput: Samples per second, by the median.
        ratio: Median over the rounds of its time over the ANN's; None without an ANN.
    """

    name: str
    ms: tuple[float, float, float]
    throughput: float
    ratio: float | None

    def to_json(self) -> dict[str, Any]:
        """As JSON values."""
        percentiles = {f"p{p}": ms for p, ms in zip(PERCENTILES, self.ms, strict=True)}
        return {"name": self.name, "ms": percentiles, "samples_per_second": self.throughput, "ratio": self.ratio}


@dataclass(frozen=True)
class Benchmark:
    """Timings of all networks, and the conditions of the runs.

    Attributes:
        batch: Samples of a run.
        rounds: Runs of each network, which took turns.
        threads: Threads of onnxruntime; 0: its default.
        device: `cpu` or `cuda`.
        timings: ANN, if one was given, body, kernels.
        nodes: By name of the network, the time per node; empty unless requested.
    """

    batch: int
    rounds: int
    threads: int
    device: str
    timings: tuple[Timing, ...]
    nodes: Mapping[str, tuple[NodeTime, ...]]

    def to_json(self) -> dict[str, Any]:
        """As JSON values."""
        return {
            "onnxruntime": ort.__version__,
            "batch": self.batch,
            "rounds": self.rounds,
            "threads": self.threads,
            "device": self.device,
            "networks": [t.to_json() for t in self.timings],
            "layers": {name: [asdict(n) for n in nodes] for name, nodes in self.nodes.items()},
        }
