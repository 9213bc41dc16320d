# SPDX-License-Identifier: Apache-2.0
"""Spikes of inactivated neurons: share of a layer's neurons that fire where the ReLU gives 0 (msat.txt, 5.3)."""

from __future__ import annotations

import numpy as np

from snncc.evaluation.inactivated_spikes import InactivatedSpikes
from snncc.ops.arrays import Array
from snncc.tools.report.figures.bars import bars, height
from snncc.tools.report.figures.firing_rates import steps_map
from snncc.tools.report.panels import Panel, Section

__all__ = ["ratios", "section"]


def ratios(found: InactivatedSpikes) -> tuple[list[str], Array]:
    """(Layers with spikes per step, percent of their neurons with SIN at each step, [L, T])."""
    layers = [x for x in found.layers if x.per_step is not None]
    return [x.name for x in layers], np.array([100 * np.array(x.per_step) / x.neurons for x in layers])


def section(found: InactivatedSpikes | None) -> Section | None:
    """Panels by layer, and by layer and step; only for codings with SIN."""
    if found is None or not found.layers:
        return None
    names = [x.name for x in found.layers]
    each = [100 * x.firing / x.neurons for x in found.layers]
    text = (
        f"Neurons that fire although their ReLU is silent in the ANN (SIN): {100 * found.ratio:.2f} % of all do at "
        f"some step, and send {found.ans:.4g} such spikes per neuron and sample (ANS). They mislead the layers behind."
    )
    panels = [
        Panel(
            "sin",
            "SIN ratio of each layer",
            f"Share of the neurons with such spikes, {min(each):.3g} to {max(each):.3g} %.",
            bars(names, {"": each}, "% of the neurons"),
            height=height(len(names)),
        )
    ]
    stepwise, percent = ratios(found)
    if stepwise:
        alt = f"Share of the neurons that send such a spike, by layer, at each of {percent.shape[1]} steps."
        drawing = steps_map(stepwise, percent)
        panels.append(Panel("sin-steps", "SIN ratio by step (%)", alt, drawing, height=height(len(stepwise))))
    return Section("sin", "Spikes of inactivated neurons", text, tuple(panels))
