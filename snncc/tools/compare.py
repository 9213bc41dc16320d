# SPDX-License-Identifier: Apache-2.0
"""Compare several conversions of one network: accuracy, spikes, energy, latency, and time per runtime."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from snncc.analysis.cpu_session import must_run
from snncc.coding.from_metadata import layer_settings, recorded_coding
from snncc.coding.label import label
from snncc.errors import OptionError
from snncc.evaluation.evaluate import evaluate, pair
from snncc.evaluation.result import Evaluation
from snncc.evaluation.timing import rounds_of
from snncc.io.batches import Samples
from snncc.io.model_reader import Source, read_model
from snncc.io.preprocess import Preprocess
from snncc.io.progress import track
from snncc.tools.bench.subjects import Subjects
from snncc.tools.text_tables import Table

__all__ = ["RUNTIMES", "Compared", "Comparison", "compare"]

RUNTIMES = {"body": ("cpu", "body"), "cpu": ("cpu", "kernels"), "cuda": ("cuda", "kernels")}  # device, kind of run


@dataclass(frozen=True)
class Compared:
    """One of the converted networks.

    Attributes:
        name: Its name.
        coding: Label of its coding; empty if its metadata do not contain it.
        evaluation: Result of `snncc.evaluate`.
        times: By runtime: its time over that of the ANN on the same device, the median of the rounds.
    """

    name: str
    coding: str
    evaluation: Evaluation
    times: Mapping[str, float]

    def to_json(self) -> dict[str, Any]:
        """As JSON values."""
        found = self.evaluation.to_json()
        return {"name": self.name, "coding": self.coding, "time_over_ann": dict(self.times), "evaluation": found}


@dataclass(frozen=True)
class Comparison:
    """Several converted networks and their source ANN.

    Attributes:
        models: In the order given.
        batch: Samples of a timed run.
        rounds: Runs of each network, which took turns.
    """

    models: tuple[Compared, ...]
    batch: int
    rounds: int

    def to_json(self) -> dict[str, Any]:
        """As JSON values."""
        return {"batch": self.batch, "rounds": self.rounds, "models": [m.to_json() for m in self.models]}

    def table(self, title: str) -> Table:
        """One row for the ANN and one for each converted network."""
        runtimes = tuple(self.models[0].times)
        columns = ("model", "coding", "top-1 %", "drop", "same %", "spikes", "gain", "formula", "steps")
        found = self.models[0].evaluation
        top = f"{found.top1[0]:.2f}" if found.top1 else ""
        ann = ("ANN", "", top, *[""] * (len(columns) + len(runtimes) - 3))
        rows = (ann, *(_row(m) for m in self.models))
        notes = (
            f"{found.samples} samples. Spikes per neuron; energy gain over the ANN, counted by each spike's "
            "fan-out and by the papers' formula (32 bit).",
            f"Times are multiples of the ANN's on the same device, batch {self.batch}, median of {self.rounds} rounds.",
        )
        return Table(title, (*columns, *(f"time {r}" for r in runtimes)), rows, notes=notes[: 1 + bool(runtimes)])


def compare(
    snns: Mapping[str, Source] | Sequence[str | PathLike[str]],
    ann: Source,
    data: Samples,
    *,
    labels: npt.ArrayLike | None = None,
    preprocess: Preprocess | str | None = None,
    limit: int | None = None,
    device: str = "auto",
    runtimes: Sequence[str] = ("cpu",),
    batch: int = 1,
    rounds: int = 20,
    threads: int = 0,
    clock: Callable[[], float] = time.perf_counter,
) -> Comparison:
    """Evaluate several converted networks on the same data, and time them in alternation with their ANN.

    Args:
        snns: The converted models: paths, or a mapping from names.
        ann: The model that all of them were converted from.
        data: As for `snncc.evaluate`.
        labels: Class number of each sample; by default `labels` of the .npz file or dict.
        preprocess: How uint8 images become inputs; see `snncc.Preprocess.parse`.
        limit: Evaluate only this many samples, from the first on.
        device: Where they are evaluated: `auto`, `cpu` or `cuda`.
        runtimes: The timed runtimes: `body`, plain onnxruntime without snncc's kernels; `cpu`, the kernels there;
            `cuda`. Empty: no timing.
        batch, rounds, threads: Samples of a timed run, runs of each network, threads of onnxruntime (0: its default).
        clock: Seconds.

    Raises:
        SnnccError: a model or the data cannot be read, or they do not fit together, or CUDA does not work here.
    """
    for runtime in runtimes:
        if runtime not in RUNTIMES:
            raise OptionError(f"runtime is '{runtime}', but it must be one of {', '.join(RUNTIMES)}")
    for name, value, least in (("batch", batch, 1), ("threads", threads, 0), ("rounds", rounds, 1)):
        if value < least:
            raise OptionError(f"{name} is {value}, but it must be {least} or more")
    named = dict(snns) if isinstance(snns, Mapping) else _named([Path(p) for p in snns])
    if not named:
        raise OptionError("there is nothing to compare. Give at least one converted model.")
    if isinstance(data, Iterator):
        data = list(data)  # read once for each model
    parsed = Preprocess.of(preprocess)
    for snn in named.values():
        pair(snn, ann)  # mismatches are reported before the others are run for minutes
    runs = _runs(named, ann, dict.fromkeys(runtimes), threads, lambda s: s.feeds(data, parsed, batch))
    times = _times(runs, rounds, clock)
    found = []
    for name, snn in track(named.items(), "comparing", len(named)):
        result = evaluate(snn, ann, data, labels=labels, preprocess=parsed, limit=limit, device=device, timed=False)
        own = {runtime: times[name, runtime] for runtime in dict.fromkeys(runtimes)}
        found.append(Compared(name, _coding(snn), result, own))
    return Comparison(tuple(found), batch, rounds)


def _named(paths: list[Path]) -> dict[str, Path]:
    """By the names of the files, or by the paths where two are called the same."""
    stems = [p.stem for p in paths]
    return {(p.stem if stems.count(p.stem) == 1 else str(p)): p for p in paths}


def _runs(
    snns: Mapping[str, Source], ann: Source, runtimes: Iterable[str], threads: int, feeds: Callable[[Subjects], Any]
) -> dict[tuple[str, str], Callable[[], object]]:
    """Functions that run each network in each runtime, and, under the name `""`, the ANN on each device."""
    runs: dict[tuple[str, str], Callable[[], object]] = {}
    for runtime in runtimes:
        device, kind = RUNTIMES[runtime]
        for name, snn in snns.items():
            subjects = Subjects(snn, ann, threads, device)
            fed = feeds(subjects)
            if ("", device) not in runs:
                runs["", device] = subjects.run("ann", fed)[0]
            runs[name, runtime] = subjects.run(kind, fed)[0]
    return runs


def _times(
    runs: Mapping[tuple[str, str], Callable[[], object]], rounds: int, clock: Callable[[], float]
) -> dict[tuple[str, str], float]:
    """By name and runtime: median over the rounds of its time over the ANN's."""
    if not runs:
        return {}
    with must_run("the network"):
        seconds = dict(zip(runs, rounds_of(list(runs.values()), rounds, clock).T, strict=True))
    return {
        (name, runtime): float(np.median(taken / seconds["", RUNTIMES[runtime][0]]))
        for (name, runtime), taken in seconds.items()
        if name
    }


def _coding(snn: Source) -> str:
    model = read_model(snn)
    coding, own = recorded_coding(model), layer_settings(model)
    if coding is None:
        return ""
    return f"{label(coding, base='levels' not in own)}, own {' '.join(own)}" if own else label(coding)


def _row(model: Compared) -> tuple[str, ...]:
    found = model.evaluation
    return (
        model.name,
        model.coding,
        f"{found.top1[1]:.2f}" if found.top1 else "",
        "" if found.drop is None else f"{found.drop:.2f}",
        f"{100 * found.agreement:.2f}",
        f"{found.spikes_per_neuron:.4f}",
        _number(found.energy.gain()),
        _number(found.energy.formula_gain()),
        "" if found.latency_steps is None else str(found.latency_steps),
        *(f"{t:.2f}" for t in model.times.values()),
    )


def _number(gain: float | None) -> str:
    return "" if gain is None else f"{gain:.2f}"
