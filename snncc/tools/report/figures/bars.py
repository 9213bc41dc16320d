# SPDX-License-Identifier: Apache-2.0
"""Horizontal bars, one or two per layer; shared by several figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter

from snncc.tools.report.panels import HEIGHT
from snncc.tools.report.safe_names import shown
from snncc.tools.report.style import Palette

__all__ = ["bars", "height"]

_ROW = 0.19  # inches
_LETTERS = 22


def height(rows: int) -> float:
    """Height in inches for this number of rows."""
    return max(HEIGHT * 0.55, 0.75 + _ROW * rows)


def bars(names: Sequence[str], values: Mapping[str, Sequence[float]], label: str, *, log: bool = False) -> Any:
    """Draw one bar per name for each of `values`, from top to bottom."""

    def draw(figure: Figure, palette: Palette) -> None:
        axes = figure.subplots()
        rows = np.arange(len(names))
        thick = 0.8 / len(values)
        colours = (palette.soft, palette.first) if len(values) > 1 else (palette.first,)
        for number, (what, row) in enumerate(values.items()):
            place = rows + (number - (len(values) - 1) / 2) * thick
            axes.barh(place, np.asarray(row, np.float64), thick, color=colours[number % 2], label=what)
        axes.set_yticks(rows, [shown(n, _LETTERS) for n in names])
        axes.set_ylim(len(names) - 0.4, -0.6)
        axes.grid(visible=False, axis="y")
        axes.grid(visible=True, axis="x")
        axes.set_xlabel(label)
        if log:
            axes.set_xscale("log")
            axes.xaxis.set_major_formatter(lambda value, _: f"{value:,.10g}")
            axes.xaxis.set_minor_formatter(NullFormatter())
        if len(values) > 1:
            figure.legend(loc="outside upper right", ncols=2)

    return draw
