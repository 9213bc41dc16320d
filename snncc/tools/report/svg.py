# SPDX-License-Identifier: Apache-2.0
"""Drawings as inline SVG: CSS variables for colours, unique ids, no external addresses."""

from __future__ import annotations

import re
from dataclasses import fields
from html import escape

from snncc.tools.report.panels import Panel
from snncc.tools.report.safe_names import printable
from snncc.tools.report.style import LIGHT, MARKS

__all__ = ["inline_svg", "svg_file"]

_VARIABLES = {getattr(MARKS, f.name): f"var(--{f.name})" for f in fields(MARKS)}
_COLOUR = re.compile("|".join(_VARIABLES))
_TAG = re.compile(r"<[^<>]*>")
_PARTS = re.compile(r"<(metadata|style)\b.*?</\1>", re.DOTALL)
_ID = re.compile(r'(\bid="|xlink:href="#|url\(#)')
_SIZE = re.compile(r'<svg [^>]*?viewBox="([^"]+)"[^>]*>')


def inline_svg(panel: Panel) -> str:
    """An <svg> element whose size is set by the page."""
    text = panel.svg(MARKS)
    text = _PARTS.sub("", text[text.index("<svg") :])
    box = _SIZE.match(text)
    assert box is not None
    opening = f'<svg viewBox="{box[1]}" role="img" aria-label="{escape(printable(panel.alt))}">'
    body = _TAG.sub(lambda tag: _tag(tag[0], panel.key), text[box.end() :])
    return opening + body.replace("xlink:href", "href").strip()


def svg_file(panel: Panel) -> bytes:
    """A separate file, in light colours on white."""
    text = _PARTS.sub(lambda part: part[0] if part[1] == "style" else "", panel.svg(LIGHT))
    box = _SIZE.search(text)
    assert box is not None
    ground = f'<rect width="100%" height="100%" fill="{LIGHT.paper}"/>'
    return (text[: box.end()] + ground + text[box.end() :]).encode()


def _tag(tag: str, key: str) -> str:
    """Only tags are changed: what stands between them is text, such as names of nodes."""
    return _COLOUR.sub(lambda c: _VARIABLES[c[0]], _ID.sub(rf"\g<1>{key}-", tag))
