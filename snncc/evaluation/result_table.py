# SPDX-License-Identifier: Apache-2.0
"""Evaluation results as text tables: the whole network and its layers, within 80 columns."""

from __future__ import annotations

from typing import TYPE_CHECKING

from snncc.evaluation.energy import FLOAT32, INT8, Costs, SynapticLayer

if TYPE_CHECKING:
    from snncc.evaluation.result import Evaluation

__all__ = ["layer_rows", "rows", "step_rows", "synapse_rows"]

Row = tuple[str, ...]
_NEURON, _SYNAPSE = 38, 22  # characters of a layer's name; the end of longer ones is more specific
_LINE, _GAP = 57, 3  # letters of a line after the shorter name, and between two columns


def rows(found: Evaluation) -> list[Row]:
    """Rows (quantity, ANN, SNN)."""
    energy = found.energy
    return [
        ("samples", str(found.samples), str(found.samples)),
        *([("top-1 accuracy (%)", *_texts(found.top1, ".2f"))] if found.top1 else []),
        *([("top-5 accuracy (%)", *_texts(found.top5, ".2f"))] if found.top5 else []),
        ("same answer (%)", "", f"{100 * found.agreement:.2f}"),
        ("neurons", "", f"{found.neurons:,}"),
        ("spikes per neuron", "", f"{found.spikes_per_neuron:.4f}"),
        ("most spikes of a neuron", "", str(found.max_spikes)),
        *([("gates of recurrent layers", "", f"{found.gates:,}")] if found.gates else []),
        *([("spikes per gate and sequence", "", f"{found.spikes_per_gate:.4g}")] if found.gates else []),
        *([("SIN per neuron (ANS)", "", f"{found.sin.ans:.4f}")] if found.sin else []),
        *([("spikes per input value", "", f"{found.input_spikes_per_value:.3f}")] if found.input_spikes else []),
        ("multiply-accumulates", f"{energy.ann_macs:,}", f"{energy.analog_macs:,}"),
        ("additions by spikes", "", f"{energy.synaptic_operations:,.0f}"),
        *([("additions of currents", "", f"{energy.current_additions:,}")] if energy.current_additions else []),
        ("energy, 32 bit (µJ)", f"{energy.ann() / 1e6:.4g}", f"{energy.snn() / 1e6:.4g}"),
        ("energy gain, counted", "", _times(energy.gain())),
        ("energy gain, formula", "", _times(energy.formula_gain())),
        *_honest(found, FLOAT32),
        *(_at_8_bits(found) if energy.quantised else []),
        *_time(found),
        (f"ms per sample, batch {found.timed_batch}", *_texts(found.milliseconds, ".3g")),
    ]


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


def _honest(found: Evaluation, costs: Costs) -> list[Row]:
    """The gain over an ANN of few bits, and the gains with memory accesses, with and without reuse by the ANN."""
    if found.steps is None:
        return []
    listed: list[Row] = [(f"... over {found.steps.bits}-bit activations", "", _times(found.few_bits_gain(costs)))]
    totals = [found.with_memory(costs, reuse=reuse) for reuse in (True, False)]
    gains = [f"{total.ann / total.snn:.2g}" for total in totals if total is not None and total.snn]
    return [*listed, ("... with memory accesses", "", f"{' to '.join(gains)} x")] if len(gains) == 2 else listed


def _at_8_bits(found: Evaluation) -> list[Row]:
    """Rows of what both networks cost if all their arithmetic has 8 bits."""
    energy = found.energy
    return [
        ("energy, 8 bit (µJ)", f"{energy.ann(INT8) / 1e6:.4g}", f"{energy.snn(INT8) / 1e6:.4g}"),
        ("... gain, counted", "", _times(energy.gain(INT8))),
        ("... gain, formula", "", _times(energy.formula_gain(INT8))),
        *_honest(found, INT8),
    ]


def _time(found: Evaluation) -> list[Row]:
    if found.steps is None:
        return [("latency (time steps)", "", "unknown")]
    latency = ("latency (time steps)", "", str(found.steps.latency))
    return [latency, ("... next sample after", "", str(found.steps.interval))]


def _texts(values: tuple[float, float] | None, form: str) -> tuple[str, str]:
    return ("", "") if values is None else (format(values[0], form), format(values[1], form))


def _times(gain: float | None) -> str:
    return "no operations" if gain is None else f"{gain:.2f} x"


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 1000 else f"{value:.4g}"


def _short(name: str, letters: int) -> str:
    return name if len(name) <= letters else f"…{name[1 - letters :]}"
