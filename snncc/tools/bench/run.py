# SPDX-License-Identifier: Apache-2.0
"""Time a spiking network in onnxruntime, with and without snncc's kernels, and its source ANN."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import numpy as np

from snncc.analysis.cpu_session import must_run
from snncc.errors import OptionError
from snncc.evaluation.timing import rounds_of
from snncc.io.batches import Samples
from snncc.io.model_reader import Source
from snncc.io.preprocess import Preprocess
from snncc.ops.arrays import Array
from snncc.tools.bench.result import PERCENTILES, Benchmark, Timing
from snncc.tools.bench.subjects import Subjects

__all__ = ["benchmark"]


def benchmark(
    snn: Source,
    ann: Source | None = None,
    data: Samples | None = None,
    *,
    preprocess: Preprocess | str | None = None,
    batch: int | None = None,
    threads: int = 0,
    rounds: int = 50,
    device: str = "auto",
    layers: bool = False,
    clock: Callable[[], float] = time.perf_counter,
) -> Benchmark:
    """Time a converted network, of any form, in one process, in alternation with its ANN.

    Args:
        snn: The converted model; for a single-step model, a run is all time steps.
        ann: The model that it was converted from; None: no ratios.
        data: Inputs, of which the first batch is used; None: noise.
        preprocess: How uint8 images become inputs; see `snncc.Preprocess.parse`.
        batch: Samples of a run; None: what the model fixes, or 1.
        threads: Intra-op threads of onnxruntime; 0: its default.
        rounds: Runs of each network that count.
        device: `auto`, `cpu` or `cuda`.
        layers: Also time each node, in further runs under onnxruntime's profiler.
        clock: Seconds.

    Raises:
        SnnccError: a model or the data cannot be read, or they do not fit together.
    """
    for name, value, least in (("batch", batch, 1), ("threads", threads, 0), ("rounds", rounds, 1)):
        if value is not None and value < least:
            raise OptionError(f"{name} is {value}, but it must be {least} or more")
    subjects = Subjects(snn, ann, threads, device)
    parsed = Preprocess.of(preprocess)
    feeds = subjects.feeds(data, parsed, batch)
    count = len(next(iter(feeds.values())))
    with must_run("the network"):
        runs = {name: subjects.run(name, feeds)[0] for name in subjects.models}
        seconds = rounds_of(list(runs.values()), rounds, clock)
        nodes = {name: subjects.profile(name, feeds) for name in subjects.models if layers and name != "body"}
    found = tuple(_timing(list(runs), i, seconds, count) for i in range(len(runs)))
    return Benchmark(count, rounds, threads, subjects.device, found, nodes)


def _timing(names: Sequence[str], place: int, seconds: Array, count: int) -> Timing:
    p50, p90, p99 = (float(ms) for ms in np.percentile(1e3 * seconds[:, place], PERCENTILES))
    ratio = float(np.median(seconds[:, place] / seconds[:, 0])) if names[0] == "ann" else None
    return Timing(names[place], (p50, p90, p99), 1e3 * count / p50, ratio)
