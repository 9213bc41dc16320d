# SPDX-License-Identifier: Apache-2.0
"""Coding options of `snncc convert`: declare them, list them by coding in the help, build a Coding from them.

An option that is not given is left to the coding, so that defaults are defined in one place. An option that belongs to
another coding is a usage error.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import click
from click.core import ParameterSource

from snncc.cli.coding_options import OPTIONS, CodingOption, options_of_coding
from snncc.coding import CODINGS, Coding

__all__ = ["CodingCommand", "chosen", "coding_options", "given_options"]


class CodingCommand(click.Command):
    """A command whose help lists the options of each coding separately, after the shared ones."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write all options; an option of several codings is listed for each of them."""
        options = [p for p in self.get_params(ctx) if isinstance(p, click.Option)]
        records = {p.name: record for p in options if (record := p.get_help_record(ctx))}
        own = {option.name for option in OPTIONS}
        with formatter.section("Options"):
            formatter.write_dl([record for name, record in records.items() if name not in own])
        for name, coding in CODINGS.items():
            rows = [(records[o.name][0], o.helps[name]) for o in options_of_coding(name)]
            with formatter.section(f"{coding.title or name} (--coding {name})"):
                formatter.write_dl(rows)


def coding_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The decorator that gives a command every option of the table."""
    for option in reversed(OPTIONS):
        flags = {"is_flag": True} if option.kind is None else {"type": option.kind, "metavar": option.metavar}
        command = click.option(option.flag, option.name, **flags)(command)
    return command


def chosen(ctx: click.Context, name: str) -> tuple[Coding, dict[str, Any]]:
    """(The coding called `name` with the given options, the arguments of `snncc.convert` among them).

    Raises:
        click.UsageError: An option of another coding was given, two that set the same, or one that needs another.
        OptionError: A value is out of its range.
    """
    parameters: dict[str, Any] = {}
    arguments: dict[str, Any] = {}
    given = list(given_options(ctx))
    for option in given:
        if name not in option.by:
            owners = " or ".join(option.by)
            raise click.UsageError(f"{option.flag} belongs to --coding {owners}, not to {name}.", ctx)
    for option in [o for o in options_of_coding(name) if o in given]:
        into = arguments if option.of_network else parameters
        if option.target in into:
            raise click.UsageError(f"--{option.target} and {option.flag} say the same thing; give one of them.", ctx)
        into[option.target] = option.value(name, ctx.params[option.name])
    for option in given:
        if option.needs and option.needs not in parameters:
            raise click.UsageError(f"{option.flag} says nothing without --{option.needs}.", ctx)
    return CODINGS[name](**parameters), arguments


def given_options(ctx: click.Context) -> Iterator[CodingOption]:
    """The coding options given on the command line."""
    for option in OPTIONS:
        if ctx.get_parameter_source(option.name) not in (None, ParameterSource.DEFAULT):
            yield option
