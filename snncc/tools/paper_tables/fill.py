# SPDX-License-Identifier: Apache-2.0
"""Fill a paper's table: rows measured on the user's networks, below the paper's own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from snncc.coding import MSAT, Coding
from snncc.compiler.convert import convert
from snncc.errors import SnnccError, UnsupportedOpError, UnsupportedShapeError
from snncc.evaluation.evaluate import evaluate
from snncc.evaluation.result import Evaluation
from snncc.io.progress import track
from snncc.tools.paper_tables.definition import Definition, Method
from snncc.tools.paper_tables.measures import MEASURES
from snncc.tools.paper_tables.subject import Subject
from snncc.tools.text_tables import Table

__all__ = ["fill"]

_OURS = "measured"
_SOURCE = "source"


def fill(
    definition: Definition, subjects: Sequence[Subject] = (), *, limit: int | None = None, device: str = "auto"
) -> Table:
    """Convert each network by each method, and evaluate it.

    What a method cannot convert gets a note instead of a row. MSAT coding has the parameters of `Subject.msat_preset`.

    Args:
        definition: The table.
        subjects: The networks; none: only the paper's rows.
        limit: Evaluate the first so many samples of each.
        device: `auto`, `cpu` or `cuda`.

    Raises:
        SnnccError: a network or its data cannot be read, or they do not fit together; the message names the network.
    """
    plan = [(s, m) for s in subjects for m in definition.methods]
    cited = bool(definition.rows)  # else all rows are measured
    rows = [(*row[:2], definition.where, *row[2:]) for row in definition.rows]
    notes = [definition.note] if definition.note else []
    samples: dict[str, str] = {}
    for subject, method in track(plan, f"{definition.paper} {definition.id}", len(plan)):
        bench = _Bench(subject, method, limit, device)
        try:
            cells = [
                MEASURES[column.measure](*bench.measured(column.options)) if column.holds_for(method) else ""
                for column in definition.columns
            ]
        except (UnsupportedOpError, UnsupportedShapeError) as error:
            notes.append(f"{subject.name}, {method.label}: {error}")
            continue
        except SnnccError as error:
            raise type(error)(f"{subject.name}: {error}") from error
        samples[subject.name] = bench.samples
        rows.append((subject.name, method.label, *([_OURS] if cited else []), *cells))
    if MSAT.name in {m.options["coding"] for m in definition.methods} and subjects:
        presets = {subject.name: subject.msat_preset for subject in subjects}
        notes.append(f"Parameters of MSAT, by Table 2 of the paper: {_each(presets)}.")
    if samples:
        notes.append(f"{'Below the rule: measured on' if cited else 'Measured on'} {_each(samples)}.")
    columns = ("network", "method", *([_SOURCE] if cited else []), *(c.title for c in definition.columns))
    title = f"{definition.paper}, {definition.where}: {definition.caption}"
    return Table(title, columns, tuple(rows), keys=2, notes=tuple(notes), groups=_SOURCE if cited else None)


def _each(values: Mapping[str, str]) -> str:
    """The one value of all networks, or that of each."""
    if len(set(values.values())) == 1:
        return next(iter(values.values()))
    return "; ".join(f"{value} ({name})" for name, value in values.items())


class _Bench:
    """Converts one network by one method, and evaluates it, each conversion once."""

    def __init__(self, subject: Subject, method: Method, limit: int | None, device: str) -> None:
        self._subject, self._method, self._limit, self._device = subject, method, limit, device
        self._known: dict[str, tuple[Coding, Evaluation]] = {}

    @property
    def samples(self) -> str:
        """The number of evaluated samples, and whether they lack labels, in which case accuracies are empty."""
        found = next(found for _, found in self._known.values())
        return f"{found.samples:,} sample{'s' * (found.samples != 1)}{' without labels' * (found.top1 is None)}"

    def measured(self, more: Mapping[str, Any]) -> tuple[Coding, Evaluation]:
        """(The coding, the result of the evaluation), with `more` options in addition to the method's."""
        preset = {"preset": self._subject.msat_preset} if self._method.options["coding"] == MSAT.name else {}
        coding, options = self._method.conversion({**preset, **more})
        key = repr((coding, sorted(options.items())))
        if key not in self._known:
            given, pixels = self._subject, self._subject.preprocess
            snn = convert(given.model, coding, calibration=given.calib, preprocess=pixels, **options)
            how: dict[str, Any] = {"limit": self._limit, "device": self._device, "timed": False}
            found = evaluate(snn, given.model, given.test, preprocess=pixels, **how)
            self._known[key] = (coding, found)
        return self._known[key]
