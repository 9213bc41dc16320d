# SPDX-License-Identifier: Apache-2.0
"""Spike rasters, and membrane traces of a few neurons, for one sample."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from snncc.errors import OptionError
from snncc.execution.spike_trains import Train
from snncc.ops.arrays import Array
from snncc.tools.report.heatmap import strokes
from snncc.tools.report.panels import Panel, Section
from snncc.tools.report.safe_names import shown
from snncc.tools.report.style import Palette

__all__ = ["Raster", "raster", "section"]

_ROWS = 48
_TRACES = 3


@dataclass(frozen=True, eq=False)
class Raster:
    """Spikes and membrane traces of one layer and sample.

    Attributes:
        rows: Which neurons are drawn, by their places in the layer in C order, [R].
        fired: Whether they fire, [T, R].
        chosen: Those of them whose potential is drawn, [C].
        traces: Their potentials, in units of the scale, after each step's spike, [T, C].
        neurons, spikes: Of the whole layer.
    """

    rows: Array
    fired: Array
    chosen: Array
    traces: Array
    neurons: int
    spikes: int


def raster(train: Train, potential: Array, neurons: Sequence[int] = ()) -> Raster:
    """Firing neurons, evenly selected from the layer, and traces of a few of them; or the requested `neurons`.

    Raises:
        OptionError: the layer has not so many neurons.
    """
    fired = train.spikes()[:, 0].reshape(train.shape[0], -1)
    potential = potential.reshape(len(potential), -1)
    if neurons and max(neurons) >= fired.shape[1]:
        raise OptionError(f"'{train.name}' has the neurons 0 … {fired.shape[1] - 1}, not {max(neurons)}.")
    active = np.flatnonzero(fired.any(axis=0))
    active = active if active.size else np.arange(fired.shape[1])
    rows = _evenly(active, _ROWS)
    chosen = np.array(neurons, np.int64) if neurons else _evenly(rows, _TRACES)
    rows = np.unique(np.concatenate([rows, chosen]))
    return Raster(rows, fired[:, rows], chosen, potential[:, chosen], fired.shape[1], int(fired.sum()))


def section(trains: Sequence[Train], potentials: Mapping[str, Array], neurons: Sequence[int]) -> Section | None:
    """One panel per layer."""
    if not trains:
        return None
    text = (
        "The spikes of the first sample, a row for each of some neurons that fire, and below the membrane potential of "
        "a few of them after each step, in units of the neuron's scale; dots are their spikes."
    )
    panels = []
    for number, train in enumerate(trains):
        found = raster(train, potentials[train.name], neurons)
        alt = f"Raster of {train.name}: {found.spikes} spikes of {found.neurons} neurons in {len(found.fired)} steps."
        panels.append(Panel(f"raster-{number}", shown(train.name, 40), alt, _drawing(found), height=3.3))
    return Section("rasters", "Spike rasters and membrane potentials", text, tuple(panels))


def _evenly(values: Array, most: int) -> Array:
    return values[np.unique(np.linspace(0, values.size - 1, min(values.size, most)).round().astype(np.int64))]


def _drawing(found: Raster) -> Any:
    def draw(figure: Figure, palette: Palette) -> None:
        top, below = figure.subplots(2, 1, sharex=True, height_ratios=(3, 2))
        step, row = np.nonzero(found.fired)
        strokes(top, step.astype(np.float64), row - 0.4, row + 0.4, palette.ink, 1.5)
        top.set_xlim(-0.7, len(found.fired) - 0.3)
        top.set_ylim(len(found.rows) - 0.5, -0.5)
        top.grid(visible=False)
        every = max(1, -(-len(found.rows) // 4))
        top.set_yticks(range(0, len(found.rows), every), [str(n) for n in found.rows[::every]])
        top.set_ylabel("neuron")
        top.set_title(f"{found.spikes:,} spikes of {found.neurons:,} neurons", loc="right", fontsize=7.5)
        colours = (palette.first, palette.second, palette.third, palette.soft)
        time = np.arange(len(found.traces))
        for number, neuron in enumerate(found.chosen):
            colour, trace = colours[number % len(colours)], found.traces[:, number]
            below.plot(time, trace, color=colour, linewidth=0.9, drawstyle="steps-mid", label=str(neuron))
            at = np.flatnonzero(found.fired[:, np.searchsorted(found.rows, neuron)])
            below.plot(at, trace[at], ".", color=colour, markersize=3.5)
        below.set_xlabel("time step of the layer")
        below.set_ylabel("potential")
        if len(found.chosen) <= len(colours):
            below.legend(loc="lower right", bbox_to_anchor=(1, 0.97), ncols=len(colours), handlelength=1)

    return draw
