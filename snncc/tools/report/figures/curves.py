# SPDX-License-Identifier: Apache-2.0
"""Coding curves: a neuron's output for constant inputs, and the function that it approximates."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from snncc.ops.arrays import Array
from snncc.tools.report.coding_curves import Code
from snncc.tools.report.layer_values import LayerValues
from snncc.tools.report.panels import Panel, Section
from snncc.tools.report.safe_names import shown
from snncc.tools.report.style import Palette

__all__ = ["Curve", "curve", "section"]

_POINTS = 1201
_MOST = 6  # of one activation


@dataclass(frozen=True, eq=False)
class Curve:
    """Inputs, the function's values and the code's, [X] each."""

    x: Array
    exact: Array
    coded: Array


def curve(code: Code) -> Curve:
    """The coding curve at equidistant inputs over the code's range."""
    x = np.linspace(code.low, code.high, _POINTS)
    return Curve(x, code.exact(x), code.code(x))


def section(layers: list[LayerValues]) -> Section | None:
    """One panel per kind of neuron."""
    found = _distinct(layers)
    if not found:
        return None
    text = (
        "What a neuron sends for a constant input, beside the activation that it stands for, and the difference. Of a "
        "ReLU both are in units of the neuron's scale."
    )
    panels = []
    for number, (title, shape) in enumerate(found.items()):
        worst = float(np.abs(shape.coded - shape.exact).max())
        alt = f"Coding curve of {title}: follows it in steps; the largest difference in the range shown is {worst:.3g}."
        panels.append(Panel(f"curve-{number}", shown(title, 40), alt, _drawing(shape), height=2.9))
    return Section("curves", "Coding curves", text, tuple(panels))


def _distinct(layers: list[LayerValues]) -> dict[str, Curve]:
    """The curves by activation, and by layer where those of one activation differ, as with per-layer bases."""
    found: dict[str, dict[bytes, tuple[str, Curve]]] = {}
    for layer in layers:
        if layer.code is not None:
            shape = curve(layer.code)
            found.setdefault(layer.code.kind, {}).setdefault(shape.coded.tobytes(), (layer.title, shape))
    named = [
        (kind if len(curves) == 1 else f"{kind}, {title}", shape)
        for kind, curves in found.items()
        for title, shape in list(curves.values())[:_MOST]
    ]
    return dict(named)


def _drawing(found: Curve) -> Any:
    def draw(figure: Figure, palette: Palette) -> None:
        top, below = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
        top.plot(found.x, found.exact, color=palette.soft, linewidth=1, label="exact")
        top.plot(found.x, found.coded, color=palette.first, drawstyle="steps-mid", label="coded")
        top.legend(loc="upper left")
        top.set_ylabel("output")
        below.plot(found.x, found.coded - found.exact, color=palette.second, linewidth=0.8)
        below.set_ylabel("difference")
        below.set_xlabel("input")
        below.margins(x=0)

    return draw
