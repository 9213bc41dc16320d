# SPDX-License-Identifier: Apache-2.0
"""Accuracy over a grid of two parameters; accuracy and its loss against each of them."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.figure import Figure

from snncc.tools.report.grid import Grid
from snncc.tools.report.heatmap import cells
from snncc.tools.report.panels import Panel, Section
from snncc.tools.report.style import Palette

__all__ = ["section"]


def section(found: Grid | None) -> Section | None:
    """Panels of the grid, if one was requested."""
    if found is None:
        return None
    what = "same answer as the ANN (%)" if found.ann is None else "top-1 (%)"
    at = np.unravel_index(found.accuracy.argmax(), found.accuracy.shape)
    best = ", ".join(f"{n}={v[i]:g}" for n, v, i in zip(found.names, found.values, at, strict=True))
    of_ann = "" if found.ann is None else f" The ANN has {found.ann:.2f} %, the dashed line."
    text = (
        "The network converted anew for each point, all else as in this model, but for what was tuned "
        "and, where a point's coding does not round, fitted levels. Best of these samples: "
        f"{found.accuracy.max():.2f} % at {best}.{of_ann} Differences of a few samples mean nothing."
    )
    alt = f"{what} over {' and '.join(found.names)}; best at {best}."
    panels = []
    if len(found.names) > 1:
        panels.append(Panel("grid", f"{what} over {found.names[0]} × {found.names[1]}", alt, _map(found)))
    for axis, name in enumerate(found.names):
        title = f"{what} against {name}"
        panels.append(Panel(f"accuracy-{name}", title, alt, _lines(found, axis, what, loss=False)))
        if found.ann is not None:
            title = f"Accuracy loss against {name} (points)"
            panels.append(Panel(f"loss-{name}", title, alt, _lines(found, axis, "points lost", loss=True)))
        title = f"Error of the outputs against {name} (%)"
        panels.append(Panel(f"output-error-{name}", title, alt, _errors(found, axis)))
    return Section("grid-section", f"Other {' and '.join(found.names)}", text, tuple(panels))


def _map(found: Grid) -> Any:
    def draw(figure: Figure, palette: Palette) -> None:
        axes = figure.subplots()
        rows, columns = found.accuracy.shape
        low, high = found.accuracy.min(), found.accuracy.max()
        shade = 0.15 + 0.6 * (found.accuracy - low) / max(high - low, 1e-9)
        cells(axes, np.arange(columns + 1) - 0.5, np.arange(rows + 1) - 0.5, shade, palette.first)
        for (row, column), value in np.ndenumerate(found.accuracy):
            axes.text(column, row, f"{value:.1f}", ha="center", va="center", fontsize=6.5, color=palette.ink)
        axes.grid(visible=False)
        axes.set_xticks(range(columns), [f"{v:g}" for v in found.values[1]])
        axes.set_yticks(range(rows), [f"{v:g}" for v in found.values[0]])
        axes.set_xlabel(found.names[1])
        axes.set_ylabel(found.names[0])

    return draw


def _lines(found: Grid, axis: int, label: str, *, loss: bool) -> Any:
    values = (found.ann or 0.0) - found.accuracy if loss else found.accuracy

    def draw(figure: Figure, palette: Palette) -> None:
        _against(figure, palette, found, values, axis)
        if found.ann is not None:
            figure.axes[0].axhline(0 if loss else found.ann, color=palette.ink, linewidth=0.8, linestyle="--")
        figure.axes[0].set_ylabel(label)

    return draw


def _errors(found: Grid, axis: int) -> Any:
    def draw(figure: Figure, palette: Palette) -> None:
        _against(figure, palette, found, found.error, axis)
        figure.axes[0].set_ylim(bottom=0)
        figure.axes[0].set_ylabel("error (%)")

    return draw


def _against(figure: Figure, palette: Palette, found: Grid, values: Any, axis: int) -> None:
    """A line for each value of the other parameter, the larger the stronger."""
    axes = figure.subplots()
    lines = np.moveaxis(values, axis, -1).reshape(-1, values.shape[axis])
    others = found.values[1 - axis] if len(found.names) > 1 else (None,)
    for number, (other, line) in enumerate(zip(others, lines, strict=True)):
        label = None if other is None else f"{found.names[1 - axis]}={other:g}"
        strength = 0.3 + 0.7 * (number + 1) / len(others)
        axes.plot(found.values[axis], line, "o-", color=palette.first, alpha=strength, markersize=3, label=label)
    axes.set_xticks(found.values[axis], [f"{v:g}" for v in found.values[axis]])
    axes.set_xlabel(found.names[axis])
    if len(others) > 1:
        axes.legend()
