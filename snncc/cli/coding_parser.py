# SPDX-License-Identifier: Apache-2.0
"""The options of `snncc convert` that belong to a coding: declared, listed by coding in its help, turned into a Coding.

An option that is not given is left to the coding, so that defaults stand in one place; one that is given and belongs to
another coding is an error of usage.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import MISSING, fields
from typing import Any

import click
from click.core import ParameterSource

from snncc.cli.coding_options import OPTIONS, TITLES, CodingOption
from snncc.coding import CODINGS, Coding

__all__ = ["CodingCommand", "chosen", "coding_options", "given_options"]


class CodingCommand(click.Command):
    """A command whose help lists the options of each coding by themselves, after those that all share."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write them all; an option of several codings stands with each of them."""
        options = [p for p in self.get_params(ctx) if isinstance(p, click.Option)]
        records = {p.name: record for p in options if (record := p.get_help_record(ctx))}
        own = {option.name for option in OPTIONS}
        with formatter.section("Options"):
            formatter.write_dl([record for name, record in records.items() if name not in own])
        for coding, title in TITLES.items():
            rows = [(records[o.name][0], _help(o, coding)) for o in OPTIONS if coding in o.helps]
            with formatter.section(f"{title} (--coding {coding})"):
                formatter.write_dl(rows)


def coding_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The decorator that gives a command every option of the table."""
    for option in reversed(OPTIONS):
        flags = {"is_flag": True} if option.kind is None else {"type": option.kind, "metavar": option.metavar}
        command = click.option(option.flag, option.name, **flags)(command)
    return command


def chosen(ctx: click.Context, name: str) -> tuple[Coding, dict[str, Any]]:
    """(The coding called `name` with the options that were given, the arguments of `snncc.convert` among them).

    Raises:
        click.UsageError: An option of another coding was given, two that set the same, or one that needs another.
        OptionError: A value is out of its range.
    """
    parameters: dict[str, Any] = {}
    arguments: dict[str, Any] = {}
    for option in given_options(ctx):
        if name not in option.helps:
            owners = " or ".join(option.helps)
            raise click.UsageError(f"{option.flag} belongs to --coding {owners}, not to {name}.", ctx)
        into = arguments if option.of_network else parameters
        if option.target in into:
            raise click.UsageError(f"--{option.target} and {option.flag} say the same thing; give one of them.", ctx)
        into[option.target] = option.value(name, ctx.params[option.name])
    for option in given_options(ctx):
        if option.needs and option.needs not in parameters:
            raise click.UsageError(f"{option.flag} says nothing without --{option.needs}.", ctx)
    return CODINGS[name](**parameters), arguments


def given_options(ctx: click.Context) -> Iterator[CodingOption]:
    """The options of codings that stand on the command line."""
    for option in OPTIONS:
        if ctx.get_parameter_source(option.name) not in (None, ParameterSource.DEFAULT):
            yield option


def _help(option: CodingOption, coding: str) -> str:
    """What `option` means for `coding`, and its default, if that says anything."""
    text = option.helps[coding]
    defaults = {f.name: f.default for f in fields(CODINGS[coding])}  # type: ignore[arg-type]
    default = defaults.get(option.target, MISSING)
    shown = option.kind is not None and default is not MISSING and default is not None
    return f"{text}  [default: {default}]" if shown else text
