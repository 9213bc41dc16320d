# SPDX-License-Identifier: Apache-2.0
"""Style of the figures: colours by role, and matplotlib settings.

In the page colours are CSS variables, so that one drawing serves light and dark mode; figures are drawn in placeholder
colours (`MARKS`), which are replaced by the variables. Files use the light colours.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields

import matplotlib

__all__ = ["LIGHT", "MARKS", "Palette", "styled"]


@dataclass(frozen=True)
class Palette:
    """Colours: text and axes, secondary text, grid lines, the page, then those of the data."""

    ink: str
    soft: str
    grid: str
    paper: str
    first: str
    second: str
    third: str


LIGHT = Palette("#1d2430", "#667085", "#d9dee6", "#ffffff", "#1f66b0", "#c2540a", "#2b8058")
MARKS = Palette(*(f"#0a0b{10 + i}" for i in range(len(fields(Palette)))))


@contextmanager
def styled(palette: Palette) -> Iterator[None]:
    """Context for drawing in these colours, with text as text, and reproducible files."""
    settings = {
        "font.family": "sans-serif",
        "font.size": 8.0,
        "axes.titlesize": 8.0,
        "axes.edgecolor": palette.soft,
        "axes.facecolor": "none",
        "axes.grid": True,
        "axes.grid.axis": "y",
        "axes.axisbelow": True,
        "axes.labelcolor": palette.ink,
        "axes.linewidth": 0.7,
        "axes.spines.right": False,
        "axes.spines.top": False,
        "axes.formatter.use_mathtext": False,
        "figure.facecolor": "none",
        "grid.color": palette.grid,
        "grid.linewidth": 0.6,
        "legend.edgecolor": "none",
        "legend.facecolor": "none",
        "legend.fontsize": 7.5,
        "legend.frameon": False,
        "lines.linewidth": 1.2,
        "savefig.facecolor": "none",
        "svg.fonttype": "none",
        "svg.hashsalt": "snncc",
        "text.color": palette.ink,
        "text.parse_math": False,
        "xtick.color": palette.soft,
        "xtick.labelcolor": palette.ink,
        "xtick.labelsize": 7.5,
        "xtick.major.width": 0.7,
        "ytick.color": palette.soft,
        "ytick.labelcolor": palette.ink,
        "ytick.labelsize": 7.5,
        "ytick.major.width": 0.7,
    }
    with matplotlib.rc_context(settings), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from")  # the reader's fonts may have it
        yield
