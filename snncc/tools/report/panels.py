# SPDX-License-Identifier: Apache-2.0
"""A figure of the report: separately drawn panels, which a narrow screen shows one below the other."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from matplotlib.figure import Figure

from snncc.tools.report.style import LIGHT, Palette, styled

__all__ = ["HEIGHT", "WIDTH", "Draw", "Panel", "Section"]

WIDTH, HEIGHT = 3.5, 2.4  # inches; of a panel that fits a phone
_DPI = 200

Draw = Callable[[Figure, Palette], None]


@dataclass(frozen=True)
class Panel:
    """One drawing.

    Attributes:
        key: Of its file, unique in the report.
        title: What stands above it.
        alt: What it shows, for those who do not see it.
        draw: Draws it into an empty figure.
        width, height: In inches; one that is wider than `WIDTH` scrolls on a narrow screen.
    """

    key: str
    title: str
    alt: str
    draw: Draw
    width: float = WIDTH
    height: float = HEIGHT

    def svg(self, palette: Palette) -> str:
        """The drawing as an SVG document, deterministic."""
        return self._saved(palette, format="svg", metadata={"Date": None}).decode()

    def png(self) -> bytes:
        """The drawing as PNG in light colours."""
        return self._saved(LIGHT, format="png", dpi=_DPI, facecolor=LIGHT.paper, metadata={"Software": None})

    def _saved(self, palette: Palette, **options: Any) -> bytes:
        buffer = io.BytesIO()
        with styled(palette):
            figure = Figure(figsize=(self.width, self.height), layout="constrained")
            self.draw(figure, palette)
            figure.savefig(buffer, **options)
        return buffer.getvalue()


@dataclass(frozen=True)
class Section:
    """A figure with title and caption; `table` is an associated table (columns, rows)."""

    key: str
    title: str
    text: str
    panels: tuple[Panel, ...] = ()
    table: tuple[tuple[str, ...], tuple[tuple[str, ...], ...]] | None = None
