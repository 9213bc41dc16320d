# SPDX-License-Identifier: Apache-2.0
"""Failed checks as GitHub Actions workflow commands, shown at the file and in the summary."""

from __future__ import annotations

from snncc.tools.check.run import CheckResult

__all__ = ["annotation"]

_DATA = {"%": "%25", "\r": "%0D", "\n": "%0A"}  # the percent sign first, which the others bring in
_PROPERTY = {**_DATA, ":": "%3A", ",": "%2C"}


def annotation(result: CheckResult, file: str) -> str:
    """One line, `::error file=…,title=…::message`; `file` should be relative to the repository."""
    title = _escaped(f"snncc check: {result.name}", _PROPERTY)
    return f"::error file={_escaped(file, _PROPERTY)},title={title}::{_escaped(result.message, _DATA)}"


def _escaped(text: str, table: dict[str, str]) -> str:
    for character, code in table.items():
        text = text.replace(character, code)
    return text
