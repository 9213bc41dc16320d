# SPDX-License-Identifier: Apache-2.0
"""Firing rates per layer, and per step or phase."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.figure import Figure

from snncc.evaluation.result import Evaluation
from snncc.evaluation.spike_counter import LayerTotal
from snncc.ops.arrays import Array
from snncc.tools.report.figures.bars import bars, height
from snncc.tools.report.heatmap import cells
from snncc.tools.report.panels import Panel, Section
from snncc.tools.report.safe_names import shown
from snncc.tools.report.style import Palette

__all__ = ["over_time", "section", "steps_map"]

_COLUMNS = ("layer", "neurons", "spikes", "per step", "most")


def over_time(layers: list[LayerTotal]) -> tuple[list[str], Array]:
    """(Layers counted step by step, spikes per neuron at each step, [L, T]; shorter layers padded with 0).

    Encoders of the input are left out: they fire so much more often that all other layers would appear empty.
    """
    rows = {x.name: share for x in layers if not x.encoder and (share := x.share_per_step) is not None}
    filled = np.zeros((len(rows), max(map(len, rows.values()), default=0)))
    for row, share in zip(filled, rows.values(), strict=True):
        row[: len(share)] = share
    return list(rows), filled


def section(found: Evaluation) -> Section | None:
    """Bars, a map over time, and a table."""
    layers = [x for x in found.layers if x.neurons]
    if not layers:
        return None
    names, each = [x.name for x in layers], [x.total / x.neurons for x in layers]
    alt = f"Spikes per neuron of {len(layers)} layers, {min(each):.3g} to {max(each):.3g}."
    panels = [Panel("rates", "Spikes of a neuron", alt, bars(names, {"": each}, "spikes"), height=height(len(names)))]
    stepwise, rows = over_time(layers)
    if stepwise:
        alt = f"Share of the neurons of each layer that fire, at each of {rows.shape[1]} steps."
        drawing = steps_map(stepwise, 100 * rows)
        panels.append(Panel("rates-steps", "Neurons that fire, by step (%)", alt, drawing, height=height(len(names))))
    text = (
        "Spikes of a neuron for one sample, mean over samples and neurons. “Per step” divides by the time steps in "
        "which a neuron may fire; “most” is the most that any neuron sent."
    )
    return Section("rates", "Spikes", text, tuple(panels), (_COLUMNS, tuple(found.layer_rows())))


def steps_map(names: list[str], percent: Array) -> Any:
    """Draw layers over steps, darker where `percent` is higher; the largest value is labelled."""

    def draw(figure: Figure, palette: Palette) -> None:
        axes = figure.subplots()
        count, steps = percent.shape
        highest = float(percent.max(initial=0.0)) or 1.0
        cells(axes, np.arange(steps + 1) - 0.5, np.arange(count + 1) - 0.5, percent / highest, palette.first)
        axes.set_ylim(count - 0.5, -0.5)
        axes.grid(visible=False)
        axes.set_yticks(range(count), [shown(n, 18) for n in names])
        axes.set_xlabel(f"time step (strongest: {highest:.3g} %)")

    return draw
