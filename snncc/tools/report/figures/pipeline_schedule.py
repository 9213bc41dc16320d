# SPDX-License-Identifier: Apache-2.0
"""Pipeline schedule: the time steps in which each layer fires, for one sample and the next."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from matplotlib.figure import Figure

from snncc.analysis.network_view import Network
from snncc.coding import Coding
from snncc.evaluation.latency import added_steps, encoder_steps
from snncc.ir.nodes import label
from snncc.tools.report.panels import Panel, Section
from snncc.tools.report.safe_names import shown
from snncc.tools.report.style import Palette

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


def schedule(network: Network, coding: Coding, own: Mapping[str, int]) -> list[Slot]:
    """The slots by depth: a layer starts after the one before, delayed by its added latency; `own` are per-layer time
    steps.
    """
    hidden, encoders = network.hidden, {label(n) for n in network.encoders}
    depths = network.along(lambda node: label(node) in hidden)
    ends = network.along(added_steps(network, coding, own))
    slots = []
    for node in network.neurons:
        name, output = label(node), node.output[0]
        length = encoder_steps(node, coding) if name in encoders else own.get(name, coding.steps)
        slots.append(Slot(name, depths[output], coding.latency(0) + ends[output] - length, length))
    return sorted(slots, key=lambda slot: slot.depth)


def section(network: Network, coding: Coding, own: Mapping[str, int], interval: int) -> Section | None:
    """One panel."""
    slots = schedule(network, coding, own)
    if not slots:
        return None
    latency = max(slot.start + slot.length for slot in slots)
    text = (
        f"In which time steps the layers fire, by the coding: the output is there after {latency} steps, and the next "
        f"sample (pale) may start {interval} steps after the one before."
    )
    rows = len({slot.depth for slot in slots})
    alt = f"Pipeline of {rows} stages over {latency} time steps; a new sample every {interval} steps."
    drawing = _drawing(slots, interval, latency)
    panel = Panel("pipeline", "Two samples", alt, drawing, height=min(0.9 + 0.17 * rows, 7.5))
    return Section("pipeline", "Pipeline", text, (panel,))


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
