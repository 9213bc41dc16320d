# SPDX-License-Identifier: Apache-2.0
"""Run time of networks in onnxruntime; runs alternate, so that system load affects all of them equally."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from itertools import islice
from statistics import median
from typing import Any

import numpy as np
import numpy.typing as npt

from snncc.io.progress import track

__all__ = ["milliseconds", "rounds_of", "turns"]

_BUDGET = 3.0  # seconds, unless one round takes longer
_ROUNDS = 9


def turns(runs: Sequence[Callable[[], object]], *, clock: Callable[[], Any] = time.perf_counter) -> Iterator[list[Any]]:
    """The time of each of `runs` on the `clock`, round by round, endlessly.

    They take turns, after a run each to warm up, so that a busy moment of the machine strikes them alike.
    """
    for run in runs:
        run()
    while True:
        taken = []
        for run in runs:
            before = clock()
            run()
            taken.append(clock() - before)
        yield taken


def rounds_of(
    runs: Sequence[Callable[[], object]], rounds: int, clock: Callable[[], float] = time.perf_counter
) -> npt.NDArray[np.float64]:
    """Seconds that each of `runs` takes in each round, [rounds, runs], with progress."""
    return np.array(list(track(islice(turns(runs, clock=clock), rounds), "running", rounds)), np.float64)


def milliseconds(sessions: Sequence[Any], feeds: Mapping[str, Any], samples: int) -> list[float]:
    """Median time of one sample in each of the onnxruntime sessions, in milliseconds, over as many rounds as fit."""
    rounds = turns([partial(session.run, None, feeds) for session in sessions])
    times: list[list[float]] = []
    for taken in islice(rounds, _ROUNDS):
        times.append(taken)
        if sum(map(sum, times)) >= _BUDGET:
            break
    return [1e3 * median(taken) / samples for taken in zip(*times, strict=True)]
