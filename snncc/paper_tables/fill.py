# SPDX-License-Identifier: Apache-2.0
"""A paper's table, with rows measured on networks at hand below the paper's own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from snncc.coding import Coding
from snncc.convert import convert
from snncc.errors import UnsupportedOpError, UnsupportedShapeError
from snncc.evaluate import evaluate
from snncc.evaluation import Evaluation
from snncc.paper_tables.definition import Definition
from snncc.paper_tables.measures import MEASURES
from snncc.paper_tables.subject import Subject
from snncc.progress import track
from snncc.tabular import Table

__all__ = ["fill"]

_OURS = "measured"


def fill(
    definition: Definition, subjects: Sequence[Subject] = (), *, limit: int | None = None, device: str = "auto"
) -> Table:
    """Convert each network by each method, and evaluate it.

    What a method cannot convert gets a note instead of a row.

    Args:
        definition: The table.
        subjects: The networks; none: only the paper's rows are there.
        limit: Evaluate the first so many samples of each.
        device: `auto`, `cpu` or `cuda`.

    Raises:
        SnnccError: a network or its data cannot be read, or they do not fit together.
    """
    plan = [(s, m) for s in subjects for m in definition.methods]
    cited = bool(definition.rows)  # else all rows are measured
    rows = [(*row[:2], definition.where, *row[2:]) for row in definition.rows]
    notes = [definition.note] if definition.note else []
    for subject, method in track(plan, f"{definition.paper} {definition.id}", len(plan)):
        bench = _Bench(subject, limit, device)
        cells = []
        try:
            for column in definition.columns:
                measured = bench.measured(*method.conversion(column.options)) if column.holds_for(method) else None
                cells.append(MEASURES[column.measure](*measured) if measured else "")
        except (UnsupportedOpError, UnsupportedShapeError) as error:
            notes.append(f"{subject.name}, {method.label}: {error}")
            continue
        rows.append((subject.name, method.label, *([_OURS] if cited else []), *cells))
    if subjects and limit:
        notes.append(f"Measured on the first {limit} samples.")
    columns = ("network", "method", *(["source"] if cited else []), *(c.title for c in definition.columns))
    title = f"{definition.paper}, {definition.where}: {definition.caption}"
    return Table(title, columns, tuple(rows), keys=2, notes=tuple(notes))


class _Bench:
    """Converts and evaluates one network, each conversion once."""

    def __init__(self, subject: Subject, limit: int | None, device: str) -> None:
        self._subject, self._limit, self._device = subject, limit, device
        self._known: dict[str, tuple[Coding, Evaluation]] = {}

    def measured(self, coding: Coding, options: dict[str, Any]) -> tuple[Coding, Evaluation]:
        """(The coding, what the evaluation has found.)"""
        key = repr((coding, sorted(options.items())))
        if key not in self._known:
            given, pixels = self._subject, self._subject.preprocess
            snn = convert(given.model, coding, calibration=given.calib, preprocess=pixels, **options)
            found = evaluate(snn, given.model, given.test, preprocess=pixels, limit=self._limit, device=self._device)
            self._known[key] = (coding, found)
        return self._known[key]
