# SPDX-License-Identifier: Apache-2.0
"""Read TOML files of settings; errors are OptionErrors that name the file."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from snncc.errors import OptionError

__all__ = ["path_beside", "read_toml"]

_LARGEST = 2**63 - 1  # of a whole number that databases and arrays hold


def read_toml(path: Path) -> dict[str, Any]:
    """The content of a TOML file.

    Raises:
        OptionError: it cannot be read, is no TOML, is nested too deeply, or holds a whole number beyond 64 bits.
    """
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        reason = error.strerror or error
        raise OptionError(f"{path}: cannot be read ({reason}). Give the path of a TOML file.") from error
    except RecursionError as error:
        raise OptionError(f"{path}: is nested too deeply.") from error
    except ValueError as error:  # no UTF-8, no TOML, or a number of thousands of digits
        raise OptionError(f"{path}: is no TOML file: {error}.") from error
    _check_numbers(content, path)
    return content


def path_beside(file: Path, given: str) -> Path:
    """The path `given` in `file`: absolute, relative to the user's home (~), or relative to the folder of `file`.

    Raises:
        OptionError: no file can have that name.
    """
    if "\0" in given:
        raise OptionError(f"{file}: the path {given!r} holds a zero character. Give the path of a file.")
    try:
        return (file.parent / Path(given).expanduser()).absolute()
    except RuntimeError as error:
        message = f"{file}: the home folder in '{given}' is not known ({error})"
        raise OptionError(f"{message}. Give the whole path.") from error


def _check_numbers(value: Any, path: Path) -> None:
    if isinstance(value, dict | list):
        for each in value.values() if isinstance(value, dict) else value:
            _check_numbers(each, path)
    elif isinstance(value, int) and abs(value) > _LARGEST:
        raise OptionError(f"{path}: holds a whole number of {value.bit_length()} bits, and 63 are the most.")
