# SPDX-License-Identifier: Apache-2.0
"""Registry of codings by name: built-in ones, and those of installed packages that declare entry points."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from dataclasses import is_dataclass
from functools import cached_property
from importlib.metadata import EntryPoint, entry_points

from snncc.coding.base import Coding
from snncc.errors import CodingError

__all__ = ["GROUP", "Codings"]

GROUP = "snncc.codings"


class Codings(Mapping[str, type[Coding]]):
    """Mapping of codings by name; built-in codings are found without loading any other package."""

    def __init__(self, *ours: type[Coding]) -> None:
        self._ours = {kind.name: kind for kind in ours}

    def __getitem__(self, name: str) -> type[Coding]:
        return self._ours[name] if name in self._ours else self._all[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._all)

    def __len__(self) -> int:
        return len(self._all)

    @cached_property
    def _all(self) -> dict[str, type[Coding]]:
        found = dict(self._ours)
        for point in entry_points(group=GROUP):
            if point.name in found:
                raise _refused(point, "there is a coding of that name already")
            found[point.name] = _loaded(point)
        return found


def _loaded(point: EntryPoint) -> type[Coding]:
    try:
        kind = point.load()
    except Exception as error:  # it may do anything
        raise _refused(point, f"{type(error).__name__}: {error}") from error
    if not (isinstance(kind, type) and issubclass(kind, Coding)):
        raise _refused(point, f"{point.value} is no class derived from snncc.coding.Coding")
    if inspect.isabstract(kind) or not is_dataclass(kind):
        missing = ", ".join(sorted(kind.__abstractmethods__)) or "the decorator `dataclass(frozen=True)`"
        raise _refused(point, f"{point.value} lacks {missing}")
    if getattr(kind, "name", None) != point.name:
        raise _refused(point, f"{point.value} has another name")
    return kind


def _refused(point: EntryPoint, reason: str) -> CodingError:
    package = f"the package {point.dist.name}" if point.dist else "a package"
    message = f"{package} declares the coding '{point.name}', which cannot be used ({reason})"
    return CodingError(f"{message}. Repair the package or uninstall it.")
