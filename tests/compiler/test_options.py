# SPDX-License-Identifier: Apache-2.0
"""Each conversion option is declared once; all other interfaces have the same options."""

from __future__ import annotations

import inspect
from dataclasses import fields
from pathlib import Path

import pytest

import snncc
from snncc.cli.commands.convert import convert
from snncc.cli.commands.tune import tune
from snncc.compiler.options import TYPES, ConversionOptions
from snncc.errors import OptionError
from snncc.tools.sweep.config import read_grid

OPTIONS = {option.name: option for option in fields(ConversionOptions)}
DATA = {"model", "coding", "calibration", "preprocess", "observer"}  # what is no option
VALUES = {bool: "[true, false]", int: "[1, 2]", float: "[0.5, 1]", str: '["a", "b"]'}


def test_convert_takes_every_option_with_the_same_type_and_default() -> None:
    known = inspect.signature(snncc.convert).parameters
    assert {name: (p.default, p.annotation) for name, p in known.items() if name not in DATA} == {
        name: (option.default, option.type) for name, option in OPTIONS.items()
    }


def test_the_text_of_convert_tells_every_option() -> None:
    told = inspect.getdoc(snncc.convert) or ""
    assert [name for name in (*DATA, *OPTIONS) if f"    {name}: " not in told] == []


def test_the_command_line_has_every_option() -> None:
    known = {p.name for command in (convert, tune) for p in command.params}
    assert set(OPTIONS) - known == {"tune"}  # a command


@pytest.mark.parametrize("name", [n for n, kind in TYPES.items() if kind is not tuple])
def test_a_sweep_takes_every_option(tmp_path: Path, name: str) -> None:
    path, value = tmp_path / "grid.toml", VALUES[TYPES[name]]
    head = '[[model]]\npath = "a"\ndata = "b"\n[[coding]]\nname = "rate"\n[convert]\n'
    path.write_text(f"{head}{name} = {value}\n")
    assert len(read_grid(path).convert[name]) == 2
    path.write_text(f"{head}{name} = 2020-01-01\n")
    with pytest.raises(OptionError, match=f"{name} is .* but it must be"):
        read_grid(path)


@pytest.mark.parametrize("name", [n for n, option in OPTIONS.items() if option.metadata["setting"].choices])
def test_a_value_that_is_no_choice_is_refused_before_anything_is_read(name: str) -> None:
    with pytest.raises(OptionError, match=f"{name} (is|are) 'other', but (it|they) must be one of "):
        snncc.convert("nothing.onnx", snncc.Rate(T=4), **{name: "other"})
