# SPDX-License-Identifier: Apache-2.0
"""Coding error of the network's activations against coding parameters: the MAPE of one_spike.txt, eq. 5."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter

from snncc.coding import Coding
from snncc.ops.arrays import Array
from snncc.tools.report.layer_values import LayerValues
from snncc.tools.report.panels import Panel, Section
from snncc.tools.report.style import Palette

__all__ = ["Errors", "errors", "mape", "section"]

_BASES = np.round(np.arange(1.05, 2.001, 0.05), 2)
_VALUES = 2**12  # of a layer


@dataclass(frozen=True, eq=False)
class Errors:
    """Errors in percent, [X], at the values x of a parameter, for each line."""

    parameter: str
    x: Array
    lines: dict[str, Array]
    here: float
    axis: Literal["linear", "log"]


def mape(layers: Sequence[Array], coding: Coding) -> float:
    """Mean absolute percentage error of active values, in units of their scales, mean over the layers."""
    found = []
    for values in layers:
        active = values[values > 0]
        if active.size:
            found.append(float(np.mean(np.abs(coding.code(active) - active) / active)))
    return 100 * float(np.mean(found)) if found else 0.0


def errors(layers: Sequence[Array], coding: Coding) -> Errors:
    """Errors against the base, for its own number of steps and others; without a base, against the number of steps."""
    if coding.base is not None:
        steps = {n: coding.with_steps(n) for n in sorted({coding.steps, 16, 24})}
        bases = {n: [one.with_base(float(q)) for q in _BASES] for n, one in steps.items()}
        name, here, x = coding.base_field, coding.base, _BASES
        lines = {f"{coding.steps_field}={n}": _errors(layers, codings) for n, codings in bases.items()}
    else:
        name, here = coding.steps_field, coding.steps
        x = np.array(sorted({*(coding.steps_curve or coding.steps_grid), here}))
        lines = {"": _errors(layers, [coding.with_steps(int(n)) for n in x])}
    return Errors(name, x.astype(np.float64), lines, here, coding.error_axis)


def _errors(layers: Sequence[Array], codings: Sequence[Coding]) -> Array:
    return np.array([mape(layers, coding) for coding in codings])


def section(layers: list[LayerValues], coding: Coding) -> Section | None:
    """One panel."""
    values = [np.abs(x.true / x.unit)[:_VALUES] for x in layers if x.code is not None and x.code.kind == "relu"]
    if not values or not coding.steps_field:
        return None
    found = errors(values, coding)
    text = (
        f"The mean absolute percentage error of this network's activations, once coded, against {found.parameter}: "
        "what the code alone does to them, mean over the layers, the scales as they are. The dot is this model."
    )
    at = {name: found.x[line.argmin()] for name, line in found.lines.items()}
    best = ", ".join(f"{name} {found.parameter}={x:g}".strip() for name, x in at.items())
    alt = f"Error of the code against {found.parameter}; smallest at {best}."
    own = mape(values, coding)
    panel = Panel("mape", f"MAPE against {found.parameter}", alt, _drawing(found, own))
    return Section("mape", "Error of the code", text, (panel,))


def _drawing(found: Errors, own: float) -> Any:
    def draw(figure: Figure, palette: Palette) -> None:
        axes = figure.subplots()
        colours = (palette.first, palette.third, palette.soft)
        for (name, line), colour in zip(found.lines.items(), colours, strict=False):
            axes.plot(found.x, line, color=colour, label=name)
        axes.plot([found.here], [own], "o", color=palette.second, markersize=5)
        if len(found.lines) > 1:
            axes.legend()
        if found.axis == "log":
            axes.set_yscale("log")
            axes.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
            axes.yaxis.set_minor_formatter(NullFormatter())
        else:
            axes.set_ylim(bottom=0)
        axes.set_xlabel(found.parameter)
        axes.set_ylabel("MAPE (%)")

    return draw
