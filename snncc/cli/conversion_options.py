# SPDX-License-Identifier: Apache-2.0
"""Conversion options of all commands that convert a network, except those of codings."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from typing import Any

import click

from snncc.cli.coding_parser import coding_options
from snncc.cli.shared_options import FILE, json_flag, preprocess, verbose
from snncc.coding import CODINGS
from snncc.compiler.options import TYPES, ConversionOptions

__all__ = ["PASSED_ON", "conversion_options"]

_DECLARED = {option.name: option for option in fields(ConversionOptions) if option.metadata["setting"].help}
# Parameters of `snncc.convert` of the same name.
PASSED_ON = ("preprocess", *_DECLARED)


def _declared_option(name: str) -> Callable[..., Any]:
    """The command line option for a declared conversion option."""
    kind, default, told = TYPES[name], _DECLARED[name].default, _DECLARED[name].metadata["setting"]
    flag = f"--{name.replace('_', '-')}"
    shown: dict[str, Any] = {"help": told.help, "metavar": told.metavar}
    if default not in (None, False):
        shown |= {"default": default, "show_default": True}
    if kind is bool:
        shown |= {"is_flag": True, "default": default}  # None: neither flag was given
        return click.option(f"{flag}/--no-{flag[2:]}" if default is not False else flag, **shown)
    if kind is tuple:
        return click.option(flag, type=float, nargs=2, **shown)
    limited = kind if told.least is None else click.IntRange(min=told.least)
    return click.option(flag, type=click.Choice(told.choices) if told.choices else limited, **shown)


_OPTIONS: tuple[Callable[..., Any], ...] = (
    click.argument("model", type=FILE),
    click.option("-o", "--output", type=FILE, required=True, metavar="OUT", help="Where the spiking network goes."),
    click.option(
        "--coding", type=click.Choice(list(CODINGS)), default="phase", show_default=True, help="The neural code."
    ),
    click.option("--calib", type=FILE, metavar="PATH", help="Typical inputs: .npy, .npz or a folder of images."),
    preprocess,
    *map(_declared_option, _DECLARED),
    click.option("--dump-dir", type=FILE, metavar="DIR", help="Write the graph after each pass into DIR, as text."),
    click.option(
        "--max-drop",
        type=click.FloatRange(min=0, max=100),
        metavar="POINTS",
        help="Try recipes from few time steps to many, and take the first that costs at most so many points of "
        "accuracy on --calib or, without labels there, of agreement with MODEL.",
    ),
    coding_options,
    verbose,
    json_flag,
    click.pass_context,
)


def conversion_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The decorator that gives a command all conversion options, in the order of `_OPTIONS`."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command
