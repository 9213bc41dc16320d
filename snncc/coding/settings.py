# SPDX-License-Identifier: Apache-2.0
"""Declaration of coding parameters: help, range, choices; source of the options, sweep keys and checks."""

from __future__ import annotations

import functools
import math
import operator
from collections.abc import Iterator
from dataclasses import MISSING, dataclass, field, fields
from typing import Any, get_args, get_type_hints

from snncc.errors import OptionError

__all__ = ["OVER_TIME", "STEPS_DRAWN", "Option", "Setting", "as_number", "check_settings", "options_of", "setting"]


@dataclass(frozen=True)
class Setting:
    """Description and permitted values of a parameter.

    Attributes:
        help: Help text. Without it there is no option that takes a value.
        kind: Type of its value; None: the annotation of the field. A number type together with `str` permits `auto`.
        choices: The permitted words.
        least, most, above: The range of a number.
        refusal: The message for values out of range, with {} for the value.
        metavar: Placeholder for the value in the help.
        needs: The parameter without which it has no effect.
        free: Whether the coding checks the value itself.
        off: (The value that the option `--no-…` sets, its help text); None: there is no such option.
    """

    help: str = ""
    kind: Any = None
    choices: tuple[str, ...] = ()
    least: float | None = None
    most: float | None = None
    above: float | None = None
    refusal: str = ""
    metavar: str | None = None
    needs: str = ""
    free: bool = False
    off: tuple[Any, str] | None = None

    def checked(self, name: str, value: Any, kinds: tuple[Any, ...]) -> Any:
        """`value` as one of `kinds`.

        Raises:
            OptionError: it is none, or out of its range.
        """
        if value is None and type(None) in kinds:
            return value
        if bool in kinds:
            return bool(value)
        if self.choices:
            if value not in self.choices:
                refusal = self.refusal or f"{name} is '{{}}', but it must be one of {', '.join(self.choices)}"
                raise OptionError(refusal.format(value))
            return value
        if str in kinds and value == "auto":
            return value
        number = as_number(operator.index if int in kinds else float, name, value)
        if not self._allows(number):
            raise OptionError((self.refusal or f"{name} is {{}}, which is out of its range").format(number))
        return number

    def _allows(self, number: float) -> bool:
        return (
            math.isfinite(number)
            and (self.least is None or number >= self.least)
            and (self.most is None or number <= self.most)
            and (self.above is None or number > self.above)
        )


@dataclass(frozen=True)
class Option:
    """An option of the command line for a parameter.

    Attributes:
        flag: The flag, with its dashes.
        target: The parameter.
        help: Help text, with the default.
        kind: Type of its value: int, float or str; None: it has no value.
        auto: Whether the value `auto` is permitted as well.
        sets: The value that it sets if none is given.
        of_network: Whether the parameter is an argument of `snncc.convert`, not a field of the coding.
    """

    flag: str
    target: str
    help: str
    kind: type | None
    setting: Setting
    auto: bool = False
    sets: Any = True
    of_network: bool = False


# Arguments of `convert` for codings over time.
OVER_TIME = {
    "threshold_scale": Setting(
        "Factor of all thresholds; below 1, larger activations are clipped.  [default: 1]", float, metavar="F"
    ),
    "anytime": Setting("Give the outputs after every time step, [T, N, ...], instead of the last ones.", bool),
}
STEPS_DRAWN = (4, 8, 12, 16, 24, 32, 48, 64, 96, 128)  # in the curves of the report


def setting(default: Any, help: str = "", **said: Any) -> Any:  # noqa: A002
    """A field of a coding, declared by a `Setting`."""
    return field(default=default, metadata={"setting": Setting(help, **said)})


def check_settings(coding: Any) -> None:
    """Convert each field with a setting to its type.

    Raises:
        OptionError: a value is out of its range.
    """
    kind: Any = type(coding)
    for name, (said, kinds, _) in _settings(kind).items():
        if not said.free:
            object.__setattr__(coding, name, said.checked(name, getattr(coding, name), kinds))


def options_of(coding: Any) -> list[Option]:
    """The options of a class of codings, in the order of its help."""
    found = {o.flag: o for name, said in _settings(coding).items() for o in _options(name, *said)}
    for name, said in coding.arguments.items():
        found |= {o.flag: o for o in _options(name, said, (said.kind,), None, of_network=True)}
    order = {f"--{name.replace('_', '-')}": place for place, name in enumerate(coding.help_order)}
    return sorted(found.values(), key=lambda option: order.get(option.flag, len(order)))


def _options(
    name: str, said: Setting, kinds: tuple[Any, ...], default: Any, *, of_network: bool = False
) -> Iterator[Option]:
    word = name.replace("_", "-")
    if said.help:
        kind = next((k for k in (int, float, str) if k in kinds), None)
        shown = kind is not None and default is not None
        text = f"{said.help}  [default: {default}]" if shown else said.help
        auto = str in kinds and kind is not str
        yield Option(f"--{word}", name, text, kind, said, auto, of_network=of_network)
    if said.off is not None:
        yield Option(f"--no-{word}", name, said.off[1], None, said, sets=said.off[0], of_network=of_network)


@functools.cache
def _settings(coding: Any) -> dict[str, tuple[Setting, tuple[Any, ...], Any]]:
    """By field: (its Setting, the types of its value, its default)."""
    hints = get_type_hints(coding)
    return {
        f.name: (f.metadata["setting"], get_args(hints[f.name]) or (hints[f.name],), _default(f.default))
        for f in fields(coding)
        if "setting" in f.metadata
    }


def _default(value: Any) -> Any:
    return None if value is MISSING else value


def as_number(kind: Any, name: str, value: Any) -> Any:
    """`value` as a plain Python number, from any library; OptionError if it is not a number."""
    try:
        return kind(value)
    except (TypeError, ValueError) as error:
        raise OptionError(f"{name} is {value!r}, but it must be a number") from error
