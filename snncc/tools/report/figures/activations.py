# SPDX-License-Identifier: Apache-2.0
"""Distribution of a layer's activations per channel, with the levels of the code."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from snncc.ops.arrays import Array
from snncc.tools.report.coding_curves import levels
from snncc.tools.report.heatmap import cells, strokes
from snncc.tools.report.layer_values import LayerValues
from snncc.tools.report.panels import Panel, Section
from snncc.tools.report.safe_names import shown
from snncc.tools.report.style import Palette

__all__ = ["Distribution", "distribution", "section"]

_BINS = 60
_ROWS = 48  # channels that are drawn
_ROOM = 1.25  # how far above the largest value levels are drawn
_LEVELS = 80  # more of them are a grey area


@dataclass(frozen=True, eq=False)
class Distribution:
    """Activations in units of the neuron's scale.

    Attributes:
        edges: Of the bins, [B + 1], in octaves below the scale if `octaves`.
        share: Share of the active values that fall into each bin, [B].
        channels: Which channels the rows are, [C].
        by_channel: The same for each channel, [C, B], of its own active values.
        levels: What the code can send, in the same units, within the edges; none if they are too many.
        silent: Share of all values that are at most 0.
        above: Share of all values that are larger than the largest level.
    """

    edges: Array
    octaves: bool
    share: Array
    channels: Array
    by_channel: Array
    levels: Array
    silent: float
    above: float


def distribution(layer: LayerValues, *, octaves: bool) -> Distribution:
    """Distribution of the layer's sampled values; `octaves` for a code whose levels are powers."""
    assert layer.code is not None
    values = layer.true / layer.unit
    relu = layer.code.kind == "relu"
    if relu:  # signed neurons code magnitudes
        values = np.abs(values)
    active = values > 0 if relu else np.ones(values.shape, np.bool_)
    known = levels(layer.code)
    largest = float(values.max(initial=0.0)) or 1.0
    high = max(largest, min(float(known.max()), _ROOM * largest))
    low = 0.0 if relu else float(values.min(initial=0.0))
    if octaves:
        smallest = known[known > 0].min(initial=high)
        low, high = np.floor(np.log2(smallest)) - 2, np.ceil(np.log2(high) * 4 + 1) / 4
        known, values = np.log2(known[known > 0]), np.log2(np.where(active, values, 1.0))
    edges = np.linspace(low, high, _BINS + 1)
    number = int(layer.channel.max(initial=0)) + 1
    channels = np.unique(np.linspace(0, number - 1, min(number, _ROWS)).round().astype(np.int64))
    rows = [_share(values[active & (layer.channel == c)], edges) for c in channels]
    return Distribution(
        edges,
        octaves,
        _share(values[active], edges),
        channels,
        np.array(rows),
        known if known.size <= _LEVELS else known[:0],
        float(np.mean(~active)) if active.size else 0.0,
        float(np.mean(active & (values > known.max()))) if active.size else 0.0,
    )


def _share(values: Array, edges: Array) -> Array:
    """Values beyond the edges count at them."""
    counts, _ = np.histogram(values.clip(edges[0], edges[-1]), edges)
    return counts / max(values.size, 1)


def section(layers: list[LayerValues], *, octaves: bool) -> Section | None:
    """One panel per layer."""
    coded = [layer for layer in layers if layer.code is not None]
    if not coded:
        return None
    text = (
        "What the ANN's activations are, in units of each channel's scale; zeros are left out. On top all channels, "
        "with the levels of the code as lines, where there are few enough to tell apart; below, one row for each "
        "channel, stronger where more of its activations lie. Good levels lie where the activations are."
    )
    panels = []
    for number, layer in enumerate(coded):
        found = distribution(layer, octaves=octaves and layer.code is not None and layer.code.kind == "relu")
        note = f"{100 * found.silent:.0f} % are 0" if layer.code and layer.code.kind == "relu" else "all values"
        alt = f"Distribution of the activations of {layer.title}; {note}, {100 * found.above:.2g} % above all levels."
        panels.append(Panel(f"activations-{number}", shown(layer.title, 40), alt, _drawing(found, note), height=2.9))
    return Section("activations", "Activations and levels", text, tuple(panels))


def _drawing(found: Distribution, note: str) -> Any:
    def draw(figure: Figure, palette: Palette) -> None:
        top, below = figure.subplots(2, 1, sharex=True, height_ratios=(2, 3))
        highest = 1.15 * found.share.max(initial=1e-9)
        at = found.levels[(found.levels >= found.edges[0]) & (found.levels <= found.edges[-1])]
        strokes(top, at, np.zeros(at.size), np.full(at.size, highest), palette.second, 0.5)
        top.stairs(found.share, found.edges, fill=True, color=palette.first, alpha=0.75)
        top.set_ylim(0, highest)
        top.set_yticks([])
        top.grid(visible=False)
        top.annotate(note, (1, 1), xycoords="axes fraction", ha="right", va="top", color=palette.ink, fontsize=7.5)
        rows = np.arange(len(found.channels) + 1) - 0.5
        shade = np.sqrt(found.by_channel / max(found.by_channel.max(initial=0.0), 1e-9))
        cells(below, found.edges, rows, shade, palette.first)
        below.invert_yaxis()
        below.grid(visible=False)
        step = max(1, -(-len(found.channels) // 5))
        below.set_yticks(range(0, len(found.channels), step), [str(c) for c in found.channels[::step]])
        below.set_ylabel("channel")
        below.set_xlabel("activation / scale")
        if found.octaves:
            ticks = np.arange(np.ceil(found.edges[0]), found.edges[-1] + 1e-9, 2)
            below.set_xticks(ticks, [f"1/{2**-t:.0f}" if t < 0 else f"{2**t:.0f}" for t in ticks])

    return draw
