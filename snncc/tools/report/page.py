# SPDX-License-Identifier: Apache-2.0
"""Render the page: one file without scripts or network access; all text from the model is escaped."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.resources import files
from typing import Any

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from snncc.tools.report.panels import WIDTH, Section
from snncc.tools.report.safe_names import printable, shown
from snncc.tools.report.svg import inline_svg
from snncc.version import VERSION

__all__ = ["page"]

_TITLE = 120  # letters

Pairs = Sequence[tuple[str, str]]


def page(name: str, about: Mapping[str, Pairs], summary: Sequence[tuple[str, ...]], sections: Sequence[Section]) -> str:
    """The page as text.

    Args:
        name: What the model is called.
        about: Lists of (what, value), by title.
        summary: Rows (what, ANN, SNN).
        sections: The figures.
    """
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, finalize=_plain, trim_blocks=True, lstrip_blocks=True
    )
    template = environment.from_string(_read("report.html"))
    drawn = {p.key: Markup(inline_svg(p)) for s in sections for p in s.panels}
    wide = {p.key: round(96 * p.width) for s in sections for p in s.panels if p.width > WIDTH}
    style = Markup(_read("report.css"))
    rendered: str = template.render(
        name=shown(name, _TITLE),
        about=about,
        summary=summary,
        sections=sections,
        drawn=drawn,
        wide=wide,
        style=style,
        version=VERSION,
    )
    return rendered


def _plain(value: Any) -> Any:
    return printable(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def _read(name: str) -> str:
    return files("snncc.tools.report").joinpath(name).read_text(encoding="utf-8")
