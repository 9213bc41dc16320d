# SPDX-License-Identifier: Apache-2.0
"""A metric of an evaluation: how it is computed from the counts, its row in the table and its entry in the JSON."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, Self, TypeVar, overload

if TYPE_CHECKING:
    from snncc.evaluation.result import Evaluation

__all__ = ["Metric", "Pair", "Row", "as_pair", "gain_text"]

V = TypeVar("V")
Pair = tuple[float, float]  # (ANN, SNN)
Row = tuple[str, ...]


@dataclass(frozen=True)
class Metric(Generic[V]):
    """A metric; as a class attribute of `Evaluation`, it is read as its value.

    Attributes:
        key: Its place in the JSON, names joined by dots; "": none.
        of: Its value.
        label: The first column of its row, with replacement fields of the evaluation `found`; "": no row.
        unit: The unit that the row shows.
        form: How the row formats a number, or both numbers of a pair (ANN, SNN).
        text: The row's (ANN, SNN) if that is not `form`.
        shown: Whether there is a row.
        json: The JSON value, for other values than numbers.
    """

    key: str
    of: Callable[[Evaluation], V]
    label: str = ""
    unit: str = ""
    form: str = ""
    text: Callable[[V], tuple[str, str]] | None = None
    shown: Callable[[Evaluation], bool] = lambda _: True
    json: Callable[[V], Any] = lambda value: value

    @overload
    def __get__(self, found: None, owner: type) -> Self: ...
    @overload
    def __get__(self, found: Evaluation, owner: type) -> V: ...
    def __get__(self, found: Evaluation | None, owner: type) -> Self | V:
        """The value for the evaluation `found`."""
        return self if found is None else self.of(found)

    def rows(self, found: Evaluation) -> list[Row]:
        """Its row (quantity, ANN, SNN), or none."""
        if not self.label or not self.shown(found):
            return []
        label = self.label.format(found=found) + (f" ({self.unit})" if self.unit else "")
        return [(label, *(self.text or self._formatted)(self.of(found)))]

    def add_to(self, entries: dict[str, Any], found: Evaluation) -> None:
        """Add its entry to the JSON object `entries`."""
        *groups, name = self.key.split(".")
        for group in groups:
            entries = entries.setdefault(group, {})
        if name:
            entries[name] = self.json(self.of(found))

    def _formatted(self, value: Any) -> tuple[str, str]:
        if value is None:
            return "", ""
        if isinstance(value, tuple):
            return format(value[0], self.form), format(value[1], self.form)
        return "", format(value, self.form)


def as_pair(values: Pair | None) -> dict[str, float] | None:
    """A pair as JSON."""
    return None if values is None else {"ann": values[0], "snn": values[1]}


def gain_text(gain: float | None) -> tuple[str, str]:
    """A gain in energy as text of a row."""
    return "", "no operations" if gain is None else f"{gain:.2f} x"
