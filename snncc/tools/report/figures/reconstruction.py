# SPDX-License-Identifier: Apache-2.0
"""True against coded activation: the values of the ANN, and those of the spiking network, at an activation site."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from snncc.ops.arrays import Array
from snncc.tools.report.heatmap import cells
from snncc.tools.report.layer_values import LayerValues
from snncc.tools.report.panels import Panel, Section
from snncc.tools.report.safe_names import shown
from snncc.tools.report.style import Palette

__all__ = ["Pairs", "pairs", "section"]

_BINS = 44
_SHOWN = 99.9  # percentile of magnitudes up to which values are drawn


@dataclass(frozen=True, eq=False)
class Pairs:
    """Histogram of pairs (true, coded): counts[coded, true] between `edges`; pairs beyond the edges are in the outer
    bins.
    """

    edges: Array
    counts: Array


def pairs(true: Array, coded: Array) -> Pairs:
    """The histogram without pairs in which both are 0, which would dominate it."""
    some = (true != 0) | (coded != 0)
    true, coded = true[some], coded[some]
    both = np.concatenate([true, coded, [0.0]])
    high = float(np.percentile(np.abs(both), _SHOWN)) or 1.0
    low = 0.0 if both.min() >= 0 else max(-high, float(both.min()))
    edges = np.linspace(low, high, _BINS + 1)
    counts, _, _ = np.histogram2d(coded.clip(low, high), true.clip(low, high), (edges, edges))
    return Pairs(edges, counts.astype(np.int64))


def section(layers: list[LayerValues]) -> Section | None:
    """One panel per layer."""
    if not layers:
        return None
    text = (
        "For neurons and samples drawn at random: the ANN's activation, and what the spiking network sends in its "
        "place with all the errors of the layers before it. The line is where both are equal; stronger where more are. "
        "SNR is the power of the activations over that of the difference; the layer's own, if its inputs were exact."
    )
    panels = [
        Panel(f"coded-{number}", shown(layer.title, 40), _alt(layer), _drawing(pairs(layer.true, layer.coded), layer))
        for number, layer in enumerate(layers)
    ]
    return Section("coded", "True against coded activation", text, tuple(panels))


def _alt(layer: LayerValues) -> str:
    return f"Coded over true activation of {layer.title}: {decibel(layer.snr)} SNR."


def decibel(value: float) -> str:
    """A ratio in decibels, as text."""
    if math.isnan(value):
        return "silent"
    return "exact" if math.isinf(value) else f"{value:.1f} dB"


def _drawing(found: Pairs, layer: LayerValues) -> Any:
    def draw(figure: Figure, palette: Palette) -> None:
        axes = figure.subplots()
        shade = (np.log1p(found.counts) / np.log1p(max(found.counts.max(initial=0), 1))) ** 0.8
        cells(axes, found.edges, found.edges, shade, palette.first)
        axes.plot(found.edges[[0, -1]], found.edges[[0, -1]], color=palette.second, linewidth=0.7)
        axes.grid(visible=False)
        axes.set_xlabel("true")
        axes.set_ylabel("coded")
        note = f"SNR {decibel(layer.snr)}" + (f"\nown {decibel(layer.own_snr)}" if layer.code else "")
        axes.annotate(note, (0.03, 0.97), xycoords="axes fraction", va="top", fontsize=7.5)

    return draw
