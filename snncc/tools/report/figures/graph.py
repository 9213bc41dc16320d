# SPDX-License-Identifier: Apache-2.0
"""The spiking network as a graph: neurons, synapses, analog ops, joins and pools."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

from snncc.analysis.network_view import Network
from snncc.ir.nodes import is_neuron, label
from snncc.ir.op_sets import POOLS, WEIGHTED
from snncc.tools.report.panels import WIDTH, Panel, Section
from snncc.tools.report.safe_names import shown
from snncc.tools.report.style import Palette

__all__ = ["Place", "placed", "section"]

_KEY, _TITLE = "graph", "The network"
_MOST = 400  # nodes
_ROW = 0.36  # inches
_LANE = 1.7
_WAY = 0.3  # of a lane, for edges that pass by


@dataclass(frozen=True)
class Place:
    """A node of the drawing: `row`s follow the depth, nodes of one depth are in different `lane`s.

    Attributes:
        kind: `input`, `output`, `neuron`, `synapse`, `island` or `other`.
        after: The places, by their number, whose values it is given.
    """

    name: str
    op: str
    kind: str
    row: int
    lane: int
    after: tuple[int, ...]


def placed(network: Network, analog_ops: Collection[str]) -> list[Place]:
    """The nodes to draw, inputs first and outputs last; shape-only ops are left out."""
    places: list[Place] = []
    behind: dict[str, tuple[int, ...]] = {}  # by tensor: the positions of its sources
    lanes: dict[int, int] = {}

    def add(name: str, op: str, kind: str, after: tuple[int, ...]) -> tuple[int]:
        row = 1 + max((places[i].row for i in after), default=-1)
        lanes[row] = lanes.get(row, -1) + 1
        places.append(Place(name, op, kind, row, lanes[row], after))
        return (len(places) - 1,)

    for name in network.inputs:
        behind[name] = add(name, "input", "input", ())
    for node in network.nodes:
        after = tuple(sorted({i for name in network.activation_inputs(node) for i in behind.get(name, ())}))
        kind = _kind(node, analog_ops, joins=len(after) > 1)
        found = after if kind is None or not after else add(label(node), node.op_type, kind, after)
        behind.update(dict.fromkeys(filter(None, node.output), found))
    for name in network.outputs:
        add(name, "output", "output", behind.get(name, ()))
    return places


def section(network: Network, analog_ops: Collection[str]) -> Section:
    """One panel; for a network too large to draw, a sentence that states this."""
    places = placed(network, analog_ops)
    if len(places) > _MOST:
        text = f"The network has {len(places)} nodes to draw, and above {_MOST} nobody could read its graph."
        return Section(_KEY, _TITLE, text)
    rows, lanes = max(p.row for p in places) + 1, max(p.lane for p in places) + 1
    counts = {kind: sum(p.kind == kind for p in places) for kind in ("neuron", "synapse", "analog op")}
    told = ", ".join(f"{count} {kind}{'s' if count != 1 else ''}" for kind, count in counts.items())
    text = (
        f"From input to output: {told}, where layers count. Neurons are filled, synapses framed, analog ops framed "
        "with dashes; nodes that only move or scale values are left out."
    )
    width = max(WIDTH, _LANE * (lanes + _WAY) + 0.2)
    panel = Panel("graph", "Layers", f"Graph of {told}.", _drawing(places, rows, lanes), width, _ROW * rows + 0.2)
    return Section(_KEY, _TITLE, text, (panel,))


def _kind(node: Any, analog_ops: Collection[str], *, joins: bool) -> str | None:
    if is_neuron(node):
        return "neuron"
    if node.name in analog_ops or node.op_type == "Scan":
        return "analog op"
    if node.op_type in WEIGHTED:
        return "synapse"
    return "other" if node.op_type in POOLS or node.op_type == "Concat" or joins else None


def _drawing(places: list[Place], rows: int, lanes: int) -> Any:
    def centre(place: Place) -> tuple[float, float]:
        of_row = sum(p.row == place.row for p in places)
        return (lanes - of_row) / 2 + place.lane + 0.5, place.row + 0.5

    def draw(figure: Figure, palette: Palette) -> None:
        axes = figure.subplots()
        axes.set_axis_off()
        axes.set_xlim(-_WAY, lanes)
        axes.set_ylim(rows, 0)
        for place in places:
            x, y = centre(place)
            for before in place.after:
                _edge(axes, centre(places[before]), (x, y), palette)
        for place in places:
            _box(axes, place, centre(place), palette)

    return draw


def _edge(axes: Any, start: tuple[float, float], end: tuple[float, float], palette: Palette) -> None:
    """Straight to the next row; past other rows on the left of the boxes."""
    (x, y), (u, v) = (start[0], start[1] + 0.3), (end[0], end[1] - 0.3)
    if v - y < 1:
        line = ([x, u], [y, v])
    else:
        side = min(x, u) - 0.5 - _WAY / 3
        line = ([x - 0.3, side, side, u - 0.3], [y, y + 0.2, v - 0.2, v])
    axes.plot(*line, color=palette.soft, linewidth=0.8)


def _box(axes: Any, place: Place, centre: tuple[float, float], palette: Palette) -> None:
    x, y = centre
    colour = {"neuron": palette.first, "synapse": palette.third, "analog op": palette.second}.get(
        place.kind, palette.soft
    )
    filled = place.kind == "neuron"
    box = FancyBboxPatch(
        (x - 0.44, y - 0.28),
        0.88,
        0.56,
        boxstyle="round,pad=0,rounding_size=0.08",
        facecolor=colour if filled else "none",
        edgecolor=colour,
        linewidth=1.0,
        linestyle="--" if place.kind == "analog op" else "-",
    )
    axes.add_patch(box)
    ink = palette.paper if filled else palette.ink
    axes.text(x, y - 0.11, shown(place.op, 22), color=ink, ha="center", va="center", fontsize=7)
    axes.text(x, y + 0.14, shown(place.name, 24), color=ink, ha="center", va="center", fontsize=5.5)
