# SPDX-License-Identifier: Apache-2.0
"""Evaluation results as text tables: the whole network and its layers, within 80 columns."""

from __future__ import annotations

from typing import TYPE_CHECKING

from snncc.evaluation.energy import SynapticLayer
from snncc.evaluation.metrics import METRICS
from snncc.evaluation.metrics.metric import Row

if TYPE_CHECKING:
    from snncc.evaluation.result import Evaluation

__all__ = ["layer_rows", "rows", "step_rows", "synapse_rows"]

_NEURON, _SYNAPSE = 38, 22  # characters of a layer's name; the end of longer ones is more specific
_LINE, _GAP = 57, 3  # letters of a line after the shorter name, and between two columns


def rows(found: Evaluation) -> list[Row]:
    """Rows (quantity, ANN, SNN)."""
    return [row for metric in METRICS for row in metric.rows(found)]


def layer_rows(found: Evaluation) -> list[Row]:
    """Rows (layer, neurons, spikes per neuron, per neuron and step, most spikes)."""
    listed: list[Row] = []
    for layer in found.layers:
        each = layer.total / layer.neurons if layer.neurons else 0.0
        rate = None if layer.gate else found.rate_of(each)
        rated = "" if rate is None else f"{rate:.4f}"
        listed.append((_short(layer.name, _NEURON), f"{layer.neurons:,}", f"{each:.4f}", rated, str(layer.peak)))
    return listed


def step_rows(found: Evaluation) -> tuple[Row, list[Row]]:
    """(Columns, rows) of the percentage of neurons that fire per step; with many steps, means of several."""
    layers = [(_short(x.name, _SYNAPSE), x.share_per_step) for x in found.layers]
    shares = [(name, share) for name, share in (*layers, ("in all", found.share_per_step)) if share is not None]
    if not shares:
        return (), []
    steps = max(len(share) for _, share in shares)
    width = max(2 * len(str(steps - 1)) + 1, 5) + _GAP
    some = -(-steps // (_LINE // width))
    first = range(0, steps, some)
    ends = [min(start + some, steps) - 1 for start in first]
    columns = [str(a) if a == b else f"{a}-{b}" for a, b in zip(first, ends, strict=True)]
    return ("layer", *columns), [(name, *_means(share, first, some)) for name, share in shares]


def _means(share: list[float], first: range, some: int) -> list[str]:
    parts = [share[start : start + some] for start in first]
    return [f"{100 * sum(part) / len(part):.1f}" if part else "" for part in parts]


def synapse_rows(found: Evaluation) -> list[Row]:
    """Rows (layer, MACs of the ANN, MACs of the SNN, its additions, energy of both in nJ), and their sum."""
    energy = found.energy
    added = energy.synaptic_operations + energy.current_additions
    total = ("in all", f"{energy.ann_macs:,}", f"{energy.analog_macs:,}", f"{added:,.0f}")
    listed = [_synapses(layer) for layer in (*energy.layers, *energy.identities)]
    return [*listed, (*total, _number(energy.ann() / 1e3), _number(energy.snn() / 1e3))]


def _synapses(layer: SynapticLayer) -> Row:
    added = layer.synaptic_operations + layer.current_additions
    counts = (f"{layer.macs:,}" if layer.macs else "", f"{layer.analog_macs:,}" if layer.analog_macs else "")
    spent = (_number(layer.ann() / 1e3) if layer.macs else "", _number(layer.snn() / 1e3))
    return (_short(layer.name, _SYNAPSE), *counts, f"{added:,.0f}", *spent)


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 1000 else f"{value:.4g}"


def _short(name: str, letters: int) -> str:
    return name if len(name) <= letters else f"…{name[1 - letters :]}"
