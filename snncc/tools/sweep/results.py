# SPDX-License-Identifier: Apache-2.0
"""Merged table of a sweep: one row per configuration, from the counts of its shards; CSV, Parquet, JSON."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from snncc.errors import DataError, SnnccError
from snncc.evaluation.result import Evaluation
from snncc.evaluation.shard_sums import ShardSums, merge
from snncc.tools.sweep.plan import Configuration, Plan, Shard
from snncc.tools.sweep.task import DONE, Outcome
from snncc.tools.text_tables import csv_cell

__all__ = ["FIGURES", "Row", "Table", "make_table"]

FIGURES: dict[str, Callable[[Evaluation], Any]] = {
    "samples": lambda e: e.samples,
    "ann_top1": lambda e: e.top1[0] if e.top1 else None,
    "snn_top1": lambda e: e.top1[1] if e.top1 else None,
    "ann_top5": lambda e: e.top5[0] if e.top5 else None,
    "snn_top5": lambda e: e.top5[1] if e.top5 else None,
    "agreement": lambda e: e.agreement,
    "output_error": lambda e: e.output_error if math.isfinite(e.output_error) else None,
    "neurons": lambda e: e.neurons,
    "spikes_per_neuron": lambda e: e.spikes_per_neuron,
    "max_spikes": lambda e: e.max_spikes,
    "input_spikes": lambda e: e.input_spikes,
    "ann_macs": lambda e: e.energy.ann_macs,
    "snn_macs": lambda e: e.energy.analog_macs,
    "snn_synaptic": lambda e: e.energy.synaptic_operations,
    "snn_current": lambda e: e.energy.current_additions,
    "ann_nj": lambda e: e.energy.ann() / 1e3,
    "snn_nj": lambda e: e.energy.snn() / 1e3,
    "energy_gain": lambda e: e.energy.gain(),
    "formula_gain": lambda e: e.energy.formula_gain(),
    "few_bits_gain": lambda e: e.few_bits_gain(),
    "latency_steps": lambda e: e.latency_steps,
    "interval_steps": lambda e: None if e.steps is None else e.steps.interval,
    "sin_per_neuron": lambda e: None if e.sin is None else e.sin.ans,
}


@dataclass(frozen=True)
class Row:
    """A configuration, its number of completed shards, and its results or the first error message."""

    configuration: Configuration
    done: int
    shards: int
    found: Evaluation | None
    message: str = ""

    @property
    def state(self) -> str:
        """`done`, `failed`, or `open` (not completed yet)."""
        return "failed" if self.message else "done" if self.found else "open"

    def values(self) -> dict[str, Any]:
        """The configuration and the figures."""
        own = self.configuration
        parameters = {**{k: v for k, v in own.coding.items() if k != "name"}, **own.convert}
        figures = {name: None if self.found is None else of(self.found) for name, of in FIGURES.items()}
        return {
            "configuration": own.id,
            "model": own.name,
            "coding": own.coding["name"],
            **{name: json.dumps(v) if isinstance(v, list | tuple) else v for name, v in parameters.items()},
            "state": self.state,
            "shards": self.shards,
            "shards_done": self.done,
            **figures,
            "message": self.message,
        }


@dataclass(frozen=True)
class Table:
    """A row for each configuration, in the order of the plan."""

    rows: tuple[Row, ...]

    @property
    def failed(self) -> int:
        """The number of failed configurations."""
        return sum(row.state == "failed" for row in self.rows)

    @property
    def complete(self) -> bool:
        """Whether all shards are completed."""
        return all(row.state != "open" for row in self.rows)

    def columns(self) -> list[str]:
        """The names of all values: configuration, parameters, figures."""
        names: dict[str, None] = dict.fromkeys(("configuration", "model", "coding"))
        listed = [row.values() for row in self.rows]
        for values in listed:  # all parameters first
            names.update(dict.fromkeys(list(values)[: list(values).index("state")]))
        for values in listed[:1]:
            names.update(dict.fromkeys(values))
        return list(names)

    def records(self) -> list[dict[str, Any]]:
        """All values of all rows; a parameter that a row does not have is None."""
        columns = self.columns()
        return [{name: values.get(name) for name in columns} for values in (row.values() for row in self.rows)]

    def csv(self) -> bytes:
        """The table as CSV with a header; missing values are empty, floats have all their digits."""
        text = io.StringIO()
        writer = csv.DictWriter(text, self.columns(), lineterminator="\n")
        writer.writeheader()
        writer.writerows({name: csv_cell(value) for name, value in record.items()} for record in self.records())
        return text.getvalue().encode()

    def parquet(self) -> bytes:
        """As Parquet.

        Raises:
            SnnccError: pyarrow is not installed.
        """
        try:
            import pyarrow
            from pyarrow import parquet
        except ImportError as error:
            hint = "Install it: pip install 'snncc[parquet]'."
            raise SnnccError(f"Parquet needs pyarrow, which is not installed. {hint}") from error
        columns = {name: [record[name] for record in self.records()] for name in self.columns()}
        sink = io.BytesIO()
        parquet.write_table(pyarrow.table({name: _of_one_type(values) for name, values in columns.items()}), sink)
        return sink.getvalue()


def make_table(plan: Plan, outcomes: Mapping[Shard, Outcome]) -> Table:
    """The table of a plan, from the outcomes of its shards."""
    return Table(tuple(_row(plan.configurations[id_], shards, outcomes) for id_, shards in plan.shards.items()))


def _row(configuration: Configuration, shards: tuple[Shard, ...], outcomes: Mapping[Shard, Outcome]) -> Row:
    known = [outcomes[shard] for shard in shards if shard in outcomes]
    parts = [outcome.counts for outcome in known if outcome.state == DONE and outcome.counts is not None]
    wrong = [outcome.message for outcome in known if outcome.state != DONE]
    if wrong or len(parts) < len(shards):
        return Row(configuration, len(parts), len(shards), None, wrong[0] if wrong else "")
    try:
        found = merge([ShardSums.from_json(part) for part in parts]).evaluation()
    except DataError as error:
        return Row(configuration, len(parts), len(shards), None, f"DataError: {error}")
    return Row(configuration, len(parts), len(shards), found)


def _of_one_type(values: list[Any]) -> list[Any]:
    """A parameter such as Q may be a number here and a word there; then all become words."""
    kinds = {type(v) for v in values if v is not None}
    if len(kinds) > 1 and not kinds <= {int, float}:
        return [None if v is None else str(v) for v in values]
    return [float(v) if kinds == {int, float} and v is not None else v for v in values]
