# SPDX-License-Identifier: Apache-2.0
"""Read the TOML file of a sweep: its tables, keys and types; lists of values form a grid."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from itertools import product
from math import prod
from pathlib import Path
from typing import Any

from snncc.coding import CODINGS
from snncc.compiler.options import TYPES
from snncc.errors import OptionError
from snncc.io.toml_files import read_toml

__all__ = ["Grid", "combinations", "read_grid"]

_NUMBER = (int, float)
_SWEEP = {"shard": (int,), "batch": (int,), "device": (str,)}
_MODEL = {
    "name": (str,),
    "path": (str,),
    "data": (str,),
    "calib": (str,),
    "preprocess": (str,),
    "limit": (int,),
    "input_range": _NUMBER,
}
# A range of inputs belongs to a model.
_CONVERT = {name: _NUMBER if kind is float else (kind,) for name, kind in TYPES.items() if kind is not tuple}
_NAMES: dict[tuple[type, ...], str] = {(int,): "a whole number", (str,): "a text", (bool,): "true or false"}
_VALUE = (int, float, str, bool)
Keys = Mapping[str, tuple[type, ...]]


@dataclass(frozen=True)
class Grid:
    """The tables of the file, checked: values of codings and of `convert` are lists."""

    sweep: Mapping[str, Any]
    models: tuple[Mapping[str, Any], ...]
    codings: tuple[Mapping[str, list[Any]], ...]
    convert: Mapping[str, list[Any]]

    def size(self) -> int:
        """The number of configurations."""
        codings = sum(prod(map(len, coding.values())) for coding in self.codings)
        return len(self.models) * codings * prod(map(len, self.convert.values()))


def combinations(table: Mapping[str, list[Any]]) -> Iterator[dict[str, Any]]:
    """One value of each list, in every combination; the last key changes fastest."""
    for values in product(*table.values()):
        yield dict(zip(table, values, strict=True))


def read_grid(path: Path) -> Grid:
    """The grid of a file.

    Raises:
        OptionError: it cannot be read, or a table, key or value is none of a grid; names the file and the key.
    """
    content = read_toml(path)
    reader = _Reader(path)
    reader.only(content, "the file", ("sweep", "model", "coding", "convert"))
    models = [reader.checked(t, "[[model]]", _MODEL) for t in reader.tables(content, "model")]
    for model in models:
        reader.complete(model)
    codings = [reader.coding(t) for t in reader.tables(content, "coding")]
    sweep = reader.checked(reader.table(content, "sweep"), "[sweep]", _SWEEP)
    convert = reader.lists(reader.table(content, "convert"), "[convert]", _CONVERT)
    return Grid(sweep, tuple(models), tuple(codings), convert)


@dataclass(frozen=True)
class _Reader:
    path: Path

    def table(self, content: Mapping[str, Any], name: str) -> Mapping[str, Any]:
        found = content.get(name, {})
        if not isinstance(found, dict):
            raise self.error(f"'{name}' must be a table: [{name}]")
        return found

    def tables(self, content: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
        found = content.get(name, [])
        found = [found] if isinstance(found, dict) else found
        if not isinstance(found, list) or not found or not all(isinstance(x, dict) for x in found):
            raise self.error(f"there must be one table [[{name}]] or more")
        return found

    def only(self, table: Mapping[str, Any], where: str, keys: Any) -> None:
        for key in table:
            if key not in keys:
                raise self.error(f"{where} has no key '{key}', but {', '.join(keys)}")

    def checked(self, table: Mapping[str, Any], where: str, keys: Keys) -> dict[str, Any]:
        """Validate a table of single values."""
        self.only(table, where, keys)
        for key, value in table.items():
            if key == "input_range":
                self._check_range(value, where)
            else:
                self._check(value, key, where, keys[key])
        return dict(table)

    def lists(self, table: Mapping[str, Any], where: str, keys: Keys) -> dict[str, list[Any]]:
        """Validate a table whose values are lists, or single values that become lists of one."""
        self.only(table, where, keys)
        found = {key: value if isinstance(value, list) else [value] for key, value in table.items()}
        for key, values in found.items():
            if not values:
                raise self.error(f"{where} {key} is an empty list, which leaves nothing to do")
            for value in values:
                self._check(value, key, where, keys[key])
        return found

    def coding(self, table: Mapping[str, Any]) -> dict[str, list[Any]]:
        name = table.get("name")
        if not isinstance(name, str) or name not in CODINGS:
            raise self.error(f"[[coding]] name is {name!r}, but it must be one of {', '.join(CODINGS)}")
        own = {f.name: _VALUE for f in fields(CODINGS[name])}  # type: ignore[arg-type]
        parameters = {key: value for key, value in table.items() if key != "name"}
        return {"name": [name], **self.lists(parameters, f"[[coding]] {name}", own)}

    def complete(self, model: Mapping[str, Any]) -> None:
        for key in ("path", "data"):
            if key not in model:
                raise self.error(f"a [[model]] has no '{key}'; each needs the path of a network, and data to run it on")
        if "calib" in model and "input_range" in model:
            raise self.error("[[model]] input_range says what calib shows already; give one of them")

    def error(self, message: str) -> OptionError:
        return OptionError(f"{self.path}: {message}.")

    def _check(self, value: Any, key: str, where: str, kinds: tuple[type, ...]) -> None:
        if not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
            raise self.error(f"{where} {key} is {value!r}, but it must be {_NAMES.get(kinds, 'a number')}")
        if isinstance(value, float) and not math.isfinite(value):
            raise self.error(f"{where} {key} is {value}, but it must be a finite number")
        if key in ("shard", "batch", "limit") and isinstance(value, int) and value < 1:
            raise self.error(f"{where} {key} is {value}, but it must be 1 or more")

    def _check_range(self, value: Any, where: str) -> None:
        if not isinstance(value, list) or len(value) != 2 or not all(map(_is_finite, value)):
            raise self.error(f"{where} input_range is {value!r}, but it must be [lowest, highest]")


def _is_finite(value: Any) -> bool:
    return isinstance(value, _NUMBER) and not isinstance(value, bool) and math.isfinite(value)
