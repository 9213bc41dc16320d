# SPDX-License-Identifier: Apache-2.0
"""Run time of a spiking network in onnxruntime, relative to its source network.

    python tests/benchmarks/speed.py [--shared DIR] [--threads N] [--rounds N] [--json FILE] [--markdown]

One process. In each round both networks run alternately, several times; what is reported is the median over the rounds
of (median SNN time / median ANN time), and the medians themselves. "native" has snncc's kernels, "body" is the same
file in plain onnxruntime. Wall time is measured with onnxruntime's threads as they are by default, but idle ones do not
spin on into the other network's run; CPU time, which counts where the machine is busy, with threads that never spin.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort

import snncc
from snncc.evaluation.timing import turns
from snncc.models.resnet import resnet18, resnet20
from snncc.runtime import create_session

ROUND_SECONDS = 0.4
CLOCKS: dict[str, Callable[[], float]] = {"wall": time.perf_counter, "cpu": time.process_time}
SPINNING = {"wall": {"session.force_spinning_stop": "1"}, "cpu": {"session.intra_op.allow_spinning": "0"}}


@dataclass(frozen=True)
class Result:
    """Milliseconds per run, and ratios to the ANN."""

    network: str
    batch: int
    clock: str
    ann_ms: float
    native_ms: float
    body_ms: float
    native_ratio: float
    body_ratio: float

    def cells(self) -> tuple[str, ...]:
        times = (self.ann_ms, self.native_ms, self.body_ms)
        ratios = (self.native_ratio, self.body_ratio)
        named = (self.network, str(self.batch), self.clock)
        return (*named, *(f"{t:.3f}" for t in times), *(f"{r:.3f}" for r in ratios))


COLUMNS = ("network", "batch", "clock", "ANN ms", "SNN ms", "SNN body ms", "SNN / ANN", "body / ANN")


def cases(shared: Path) -> Iterator[tuple[str, onnx.ModelProto, tuple[int, ...]]]:
    """(title, network, shape of the input)."""
    trained = shared / "models" / "resnet20_cifar10.onnx"
    small = onnx.load(trained) if trained.is_file() else resnet20()
    title = "ResNet-20" if trained.is_file() else "ResNet-20, untrained"
    yield title, small, (32, 3, 32, 32)
    yield title, small, (1, 3, 32, 32)
    yield "ResNet-18, untrained", resnet18(), (1, 3, 224, 224)


def sessions(ann: onnx.ModelProto, snn: onnx.ModelProto, threads: int, clock: str) -> list[ort.InferenceSession]:
    """ANN, SNN with the native kernels, SNN with the functions' bodies."""

    def options() -> ort.SessionOptions:
        made = ort.SessionOptions()
        made.intra_op_num_threads = threads
        made.log_severity_level = 3
        for key, value in SPINNING[clock].items():
            made.add_session_config_entry(key, value)
        return made

    native = [create_session(model, device="cpu", options=options()) for model in (ann, snn)]
    return [*native, create_session(snn, device="cpu", options=options(), kernels=False)]


def measure(
    found: list[ort.InferenceSession], images: np.ndarray[Any, Any], rounds: int, clock: str
) -> tuple[list[float], list[float]]:
    """Median milliseconds of each session, and median over the rounds of the ratios to the first."""
    feeds = {found[0].get_inputs()[0].name: images}
    taken = turns([partial(session.run, None, feeds) for session in found], clock=CLOCKS[clock])
    repeats = int(np.clip(ROUND_SECONDS / max(sum(next(taken)), 1e-9), 3, 100))
    times = [[median(column) for column in zip(*islice(taken, repeats), strict=True)] for _ in range(rounds)]
    medians = [1e3 * median(column) for column in zip(*times, strict=True)]
    ratios = [median(row[i] / row[0] for row in times) for i in range(len(found))]
    return medians, ratios


def benchmark(shared: Path, threads: int, rounds: int) -> Iterator[Result]:
    for title, ann, shape in cases(shared):
        snn = snncc.convert(ann, snncc.Phase(T=24, Q=1.2))
        images = np.random.default_rng(0).normal(size=shape).astype(np.float32)
        for clock in CLOCKS:
            medians, ratios = measure(sessions(ann, snn, threads, clock), images, rounds, clock)
            yield Result(title, shape[0], clock, *medians, *ratios[1:])


def main() -> None:
    parser = argparse.ArgumentParser(description="Time of a spiking network against that of its source.")
    parser.add_argument("--shared", type=Path, help="folder with models/ [$SNNCC_SHARED or ../shared]")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--json", type=Path, help="write all figures to this file")
    parser.add_argument("--markdown", action="store_true", help="print the table as Markdown")
    arguments = parser.parse_args()
    logging.getLogger("snncc").setLevel(logging.ERROR)
    usual = os.environ.get("SNNCC_SHARED", Path(__file__).resolve().parents[3] / "shared")
    results = []
    widths = (22, 6, 6, 9, 9, 12, 10, 10)
    lines = [COLUMNS, ["---"] * len(COLUMNS)] if arguments.markdown else [COLUMNS]
    for cells in lines:
        show(cells, widths, markdown=arguments.markdown)
    for found in benchmark(arguments.shared or Path(usual), arguments.threads, arguments.rounds):
        show(found.cells(), widths, markdown=arguments.markdown)
        results.append(asdict(found))
    print(f"\n{arguments.threads} threads, {arguments.rounds} rounds, onnxruntime {ort.__version__}; load {load()}")
    if arguments.json:
        arguments.json.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")


def show(cells: Any, widths: tuple[int, ...], *, markdown: bool) -> None:
    if markdown:
        print(f"| {' | '.join(cells)} |", flush=True)
    else:
        print("  ".join(c.ljust(w) for c, w in zip(cells, widths, strict=True)).rstrip(), flush=True)


def load() -> str:
    """Load average of the last minute, this benchmark's own included."""
    return f"{os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else "unknown"


if __name__ == "__main__":
    main()
