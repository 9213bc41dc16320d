# SPDX-License-Identifier: Apache-2.0
"""Tables of few-spikes neurons: shipped as `fs_tables.json`, or fitted on demand.

`snncc fit-fs ACTIVATION --K K --range LOW HIGH --seed SEED -o fs_tables.json` reproduces an entry.
"""

from __future__ import annotations

import functools
import json
import logging
from collections.abc import Sequence
from importlib.resources import files
from typing import Any, NamedTuple

import numpy as np

from snncc.coding.fs_tables.activations import Activation
from snncc.coding.fs_tables.activations import activation as known
from snncc.coding.fs_tables.fit import fit
from snncc.coding.fs_tables.neuron import FSTable, float32
from snncc.coding.fs_tables.ranges import as_line, as_relu, shared_range
from snncc.errors import DataError

__all__ = ["Entry", "dumped", "parsed", "ready", "replaced", "shipped", "table"]

# A table is not used on a range much narrower than its own, where its steps would be coarse.
_NARROWEST = 0.25
_POINTS = 801  # on which tables are compared

_log = logging.getLogger(__name__)


class Entry(NamedTuple):
    """A fitted table and its origin."""

    activation: str
    seed: int
    table: FSTable

    @property
    def key(self) -> tuple[str, int, float, float]:
        """The key, unique among entries."""
        return self.activation, self.table.steps, self.table.low, self.table.high

    def to_json(self) -> dict[str, Any]:
        """As a JSON object; T, h and d are the shortest decimals that float32 reads back exactly."""
        found = self.table
        numbers = {name: [float(str(np.float32(v))) for v in getattr(found, name)] for name in ("T", "h", "d")}
        errors = {name: float(f"{getattr(found, name):.4g}") for name in ("rmse", "max_error")}
        head = {
            "activation": self.activation,
            "K": found.steps,
            "low": found.low,
            "high": found.high,
            "seed": self.seed,
        }
        return head | errors | numbers


def table(activation: str, K: int, low: float | None = None, high: float | None = None) -> FSTable:
    """The shipped table of K steps for pre-activations in [low, high], else a new fit, once per process.

    A shipped table covers a range beyond its own where the activation stays what it is at the end of the table. Others
    are fitted on a range that layers of about the same range share (see `ranges`). Where a shipped table of fewer steps
    is closer, it is taken, with idle steps, so that more steps are no worse. Without `low` or `high` the range is the
    usual one of the activation (see `activations`).

    Raises:
        OptionError: there is no such activation, or K or the range makes no sense.
    """
    usual = known(activation)
    low, high = usual.low if low is None else low, usual.high if high is None else high
    shared = shared_range(usual, low, high)
    wide = high - low if low < 0 < high else shared[1] - shared[0]  # a fit's table is no narrower than that
    covering = [found for found in _covering(activation, K, low, high) if wide >= _NARROWEST * (found.high - found.low)]
    candidates = [*(found for found in covering if found.steps == K), *_coded(activation, K, *shared)]
    candidates = candidates or [_fitted(activation, K, *shared)]
    return _closest([*candidates, *covering], K, usual, low, high)


def ready(activation: str, K: int, low: float, high: float) -> FSTable | None:
    """The closest table of K steps that covers [low, high] and needs no fit; None if there is none."""
    usual = known(activation)
    candidates = [*_coded(activation, K, *shared_range(usual, low, high)), *_covering(activation, K, low, high)]
    return _closest(candidates, K, usual, low, high) if candidates else None


@functools.cache
def shipped() -> tuple[Entry, ...]:
    """All tables in the package."""
    return parsed(
        files("snncc.coding.fs_tables").joinpath("fs_tables.json").read_text(encoding="utf-8"), "fs_tables.json"
    )


def parsed(text: str, name: str) -> tuple[Entry, ...]:
    """The entries of a file of tables.

    Raises:
        DataError: it is something else.
    """
    try:
        return tuple(_entry(found) for found in json.loads(text))
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        hint = "Give a file that `snncc fit-fs -o` wrote, or a new name."
        raise DataError(f"{name} holds no tables of few-spikes neurons ({error!r}). {hint}") from error


def dumped(entries: Sequence[Entry]) -> str:
    """The entries as JSON, one per line, sorted."""
    lines = (json.dumps(e.to_json()) for e in sorted(entries, key=lambda e: e.key))
    return "[\n" + ",\n".join(lines) + "\n]\n"


def replaced(entries: Sequence[Entry], new: Entry) -> tuple[Entry, ...]:
    """The entries with `new` instead of the one with its key, or added."""
    return (*(e for e in entries if e.key != new.key), new)


def _entry(found: dict[str, Any]) -> Entry:
    T, h, d = (float32(found[name]) for name in ("T", "h", "d"))
    if not len(T) == len(h) == len(d) == found["K"]:
        raise ValueError(f"T, h and d of {found['activation']} do not have K = {found['K']} values each")
    low, high, rmse, largest = (float(found[name]) for name in ("low", "high", "rmse", "max_error"))
    return Entry(found["activation"], found["seed"], FSTable(T, h, d, low, high, rmse, largest))


def _covering(activation: str, K: int, low: float, high: float) -> list[FSTable]:
    """The shipped tables of at most K steps that are right on [low, high]."""
    mine = [e.table for e in shipped() if e.activation == activation and e.table.steps <= K]
    function = known(activation).function

    def covers(found: FSTable) -> bool:
        wanted, ends = function(np.array([low, high])), function(np.array([found.low, found.high]))
        flat = np.abs(wanted - ends) <= found.rmse
        return bool((low >= found.low or flat[0]) and (high <= found.high or flat[1]))

    return [found for found in mine if covers(found)]


def _closest(found: Sequence[FSTable], K: int, activation: Activation, low: float, high: float) -> FSTable:
    """The table with the least mean square error on [low, high], with idle steps where it has less than K."""
    least, most = min(each.low for each in found), max(each.high for each in found)
    x = np.linspace(max(low, least), min(high, most), _POINTS)  # [low, high] may be infinite
    wanted = activation.function(x)
    return _padded(min(found, key=lambda each: float(np.mean((each(x) - wanted) ** 2))), K)


@functools.cache
def _padded(found: FSTable, K: int) -> FSTable:
    return found.padded(K) if found.steps < K else found


@functools.cache
def _coded(activation: str, K: int, low: float, high: float) -> tuple[FSTable, ...]:
    """Binary codes that approximate the activation on the whole range, where it is a ReLU or a line."""
    function = known(activation).function
    found = as_relu(function, K, low, high), as_line(function, K, low, high)
    return tuple(each for each in found if each is not None)


@functools.cache
def _fitted(activation: str, K: int, low: float, high: float) -> FSTable:
    _log.warning(
        "%s: no table of %d steps for %.3g … %.3g is shipped; fitting one takes a while", activation, K, low, high
    )
    shorter = [e.table for e in shipped() if (e.activation, e.table.low, e.table.high) == (activation, low, high)]
    start = max((found for found in shorter if found.steps < K), key=lambda found: found.steps, default=None)
    return fit(known(activation).function, K, low, high, start=start)
