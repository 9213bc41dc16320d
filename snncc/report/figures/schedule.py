# SPDX-License-Identifier: Apache-2.0
"""The pipeline: in which time steps each layer fires, for one sample and for the next one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from matplotlib.figure import Figure

from snncc.coding import Coding
from snncc.network import Network, is_neuron, label
from snncc.report.names import shown
from snncc.report.panel import Panel, Section
from snncc.report.style import Palette

__all__ = ["Slot", "schedule", "section"]

_ROWS = 40  # more layers than that share rows without names
_NEXT = 2  # samples that are drawn


@dataclass(frozen=True)
class Slot:
    """A layer fires in the steps `start` … `start` + `length` - 1; encoders have depth 0."""

    name: str
    depth: int
    start: int
    length: int


def schedule(network: Network, coding: Coding) -> list[Slot]:
    """By depth: a layer starts as much after the one before as one more layer adds to the latency."""
    stride = coding.latency(2) - coding.latency(1)
    depths = _depths(network)
    last = coding.latency(network.depth) - coding.steps
    slots = [
        Slot(
            label(node), depths[node.output[0]], last - (network.depth - depths[node.output[0]]) * stride, coding.steps
        )
        for node in network.neurons
    ]
    return sorted(slots, key=lambda slot: slot.depth)


def section(network: Network, coding: Coding, interval: int) -> Section | None:
    """One panel."""
    slots = schedule(network, coding)
    if not slots:
        return None
    latency = coding.latency(network.depth)
    text = (
        f"In which time steps the layers fire, by the coding: the output is there after {latency} steps, and the next "
        f"sample (pale) may start {interval} steps after the one before."
    )
    rows = len({slot.depth for slot in slots})
    alt = f"Pipeline of {rows} stages over {latency} time steps; a new sample every {interval} steps."
    drawing = _drawing(slots, interval, latency)
    panel = Panel("pipeline", "Two samples", alt, drawing, height=min(0.9 + 0.17 * rows, 7.5))
    return Section("pipeline", "Pipeline", text, (panel,))


def _depths(network: Network) -> dict[str, int]:
    """How many layers of neurons lie on the longest path to a tensor, its own included."""
    encoders = {n.output[0] for n in network.encoders}
    depths = dict.fromkeys(network.inputs, 0)
    for node in network.nodes:
        here = max((depths[name] for name in network.carriers(node)), default=0)
        depths.update(dict.fromkeys(node.output, here + (is_neuron(node) and node.output[0] not in encoders)))
    return depths


def _drawing(slots: list[Slot], interval: int, latency: int) -> Any:
    def draw(figure: Figure, palette: Palette) -> None:
        axes = figure.subplots()
        stages: dict[int, list[Slot]] = {}
        for slot in slots:
            stages.setdefault(slot.depth, []).append(slot)
        for sample in range(_NEXT):
            for row, layers in enumerate(stages.values()):
                spans = sorted({(slot.start + sample * interval, slot.length) for slot in layers})
                colour, pale = (palette.first, 0.35) if sample else (palette.first, 0.9)
                axes.broken_barh(spans, (row - 0.38, 0.76), color=colour, alpha=pale, linewidth=0)
        axes.axvline(latency, color=palette.second, linewidth=0.8)
        axes.set_ylim(len(stages) - 0.4, -0.6)
        axes.set_xlim(0, latency + interval)
        axes.grid(visible=False)
        axes.set_xlabel("time step")
        if len(stages) <= _ROWS:
            names = [shown(x[0].name, 18) if len(x) == 1 else f"{len(x)} layers" for x in stages.values()]
            axes.set_yticks(range(len(stages)), names)

    return draw
