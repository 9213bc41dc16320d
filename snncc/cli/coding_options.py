# SPDX-License-Identifier: Apache-2.0
"""Options of codings, generated from the parameters that each coding declares."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import click

from snncc.coding import CODINGS
from snncc.coding.settings import Option, options_of
from snncc.errors import CodingError

__all__ = ["OPTIONS", "CodingOption", "options_of_coding"]


class _OrAuto(click.ParamType):  # type: ignore[type-arg]
    """Type of an option: a number, or `auto`."""

    def __init__(self, number: type[int] | type[float]) -> None:
        self.number = number
        self.name = f"{number.__name__} or auto"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The number, or the word itself."""
        try:
            return value if value == "auto" else self.number(value)
        except ValueError:
            return self.fail(f"'{value}' is neither a number nor 'auto'", param, ctx)


@dataclass(frozen=True)
class CodingOption:
    """An option of some codings.

    Attributes:
        flag: As it is written.
        by: What it is for each coding that has it.
    """

    flag: str
    by: Mapping[str, Option]

    @property
    def helps(self) -> dict[str, str]:
        """The help text, by coding."""
        return {name: option.help for name, option in self.by.items()}

    @property
    def name(self) -> str:
        """The parameter's name in Python."""
        return self.flag.removeprefix("--").replace("-", "_")

    @property
    def target(self) -> str:
        """The field or argument that it sets."""
        return self._first.target

    @property
    def needs(self) -> str:
        """The field without which it has no effect."""
        return self._first.setting.needs

    @property
    def of_network(self) -> bool:
        """Whether it is an argument of `snncc.convert`, not a field of the coding."""
        return self._first.of_network

    @property
    def metavar(self) -> str | None:
        """The placeholder for the value in the help."""
        return self._first.setting.metavar

    @property
    def kind(self) -> Any:
        """Click's type; None: a flag without a value."""
        first, kind = self._first, self._first.kind
        if kind is None:
            return None
        if first.setting.choices:
            return click.Choice(list(dict.fromkeys(word for o in self.by.values() for word in o.setting.choices)))
        return _OrAuto(kind) if first.auto else kind

    def value(self, coding: str, given: Any) -> Any:
        """The value to set, from the given text."""
        return given if self.kind is not None else self.by[coding].sets

    @property
    def _first(self) -> Option:
        return next(iter(self.by.values()))


def _table() -> tuple[CodingOption, ...]:
    by: dict[str, dict[str, Option]] = {}
    for name, kind in CODINGS.items():
        for option in options_of(kind):
            others = by.setdefault(option.flag, {})
            if any((o.kind, o.target) != (option.kind, option.target) for o in others.values()):
                message = (
                    f"the coding '{name}' has an option {option.flag} that differs from that of {next(iter(others))}"
                )
                raise CodingError(f"{message}. Its field needs another name, or the same type.")
            others[name] = option
    return tuple(CodingOption(flag, options) for flag, options in by.items())


OPTIONS = _table()


def options_of_coding(name: str) -> list[CodingOption]:
    """The options of a coding, in the order of its help."""
    known = {option.flag: option for option in OPTIONS}
    return [known[option.flag] for option in options_of(CODINGS[name])]
