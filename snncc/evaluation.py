# SPDX-License-Identifier: Apache-2.0
"""What an evaluation found, as plain data: for a table, and as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from snncc.accuracy import Tally
from snncc.counting import LayerSpikes
from snncc.energy import FLOAT32, INT8, Costs, Energy
from snncc.inactivated import Inactivated

__all__ = ["Evaluation", "summarise"]

Pair = tuple[float, float]


@dataclass(frozen=True)
class Evaluation:
    """An SNN beside the ANN that it came from. Pairs are (ANN, SNN).

    Attributes:
        samples: number of samples evaluated.
        top1: percent of samples answered right; None without labels.
        top5: percent of samples with the label among the first five; None without labels, or with five classes or less.
        agreement: fraction of samples for which both give the same answer.
        output_error: mean absolute difference of the outputs over the mean magnitude of the ANN's.
        neurons: number of spiking neurons, those that code the input left out.
        spikes_per_neuron: mean spikes of one of them for one sample.
        max_spikes: the most spikes that any of them sent for any sample, counted.
        input_spikes: mean spikes for one sample that code the input.
        input_spikes_per_value: the same, per value of the input.
        energy: operations and what they cost.
        latency_steps: time steps until the output is there; None if the coding is not known.
        milliseconds: measured time of one sample in onnxruntime, without counting, in batches of `timed_batch`.
        timed_batch: samples per run when `milliseconds` was measured.
        layers: what each layer of neurons fired.
        gates: number of neurons that are gates of recurrent layers; the other figures leave them out.
        spikes_per_gate: mean spikes of one of them for one sample, over the whole sequence.
        sin: spikes of neurons whose ReLU is silent; None if the coding has no such error, or the ANN is another one.
    """

    samples: int
    top1: Pair | None
    top5: Pair | None
    agreement: float
    output_error: float
    neurons: int
    spikes_per_neuron: float
    max_spikes: int
    input_spikes: float
    input_spikes_per_value: float
    energy: Energy
    latency_steps: int | None
    milliseconds: Pair
    timed_batch: int
    layers: tuple[LayerSpikes, ...]
    sin: Inactivated | None = None
    gates: int = 0
    spikes_per_gate: float = 0.0

    @property
    def drop(self) -> float | None:
        """Points of top-1 that the SNN loses against the ANN; None without labels."""
        return None if self.top1 is None else self.top1[0] - self.top1[1]

    def to_json(self) -> dict[str, Any]:
        """The evaluation as JSON values.

        Percentages are 0 … 100, fractions 0 … 1, energies nanojoules per sample; what is not known is null.
        `energy.*.gain` is the exact count, `formula_gain` the papers' formula. `spikes_per_step` are a layer's spikes
        at each time step, where it sends them one by one.
        """
        energy = self.energy
        return {
            "samples": self.samples,
            "accuracy_percent": {"top1": _pair(self.top1), "top5": _pair(self.top5), "drop_points": self.drop},
            "agreement": self.agreement,
            "output_error": self.output_error,
            "spikes": {
                "neurons": self.neurons,
                "per_neuron": self.spikes_per_neuron,
                "max": self.max_spikes,
                "gates": self.gates,
                "per_gate": self.spikes_per_gate,
                "input": self.input_spikes,
                "input_per_value": self.input_spikes_per_value,
            },
            "sin": None if self.sin is None else self.sin.to_json(),
            "operations": {
                "ann_macs": energy.ann_macs,
                "snn_macs": energy.analog_macs,
                "snn_synaptic": energy.synaptic_operations,
                "snn_synaptic_formula": energy.formula_operations,
                "snn_current": energy.current_additions,
            },
            "weights": "int8" if energy.quantised else "float",
            "energy": {"float32": _energy(energy, FLOAT32), "int8": _energy(energy, INT8)},
            "latency": {
                "steps": self.latency_steps,
                "ms_per_sample": _pair(self.milliseconds),
                "batch": self.timed_batch,
            },
            "neuron_layers": [_layer(x) for x in self.layers],
            "synaptic_layers": [{"name": x.name, "macs": x.macs, "spikes_per_input": x.rate} for x in energy.layers],
        }

    def rows(self) -> list[tuple[str, str, str]]:
        """Rows (what, ANN, SNN) for a table that fits 80 columns."""
        energy = self.energy
        return [
            ("samples", str(self.samples), str(self.samples)),
            *([("top-1 accuracy (%)", *_texts(self.top1, ".2f"))] if self.top1 else []),
            *([("top-5 accuracy (%)", *_texts(self.top5, ".2f"))] if self.top5 else []),
            ("same answer (%)", "", f"{100 * self.agreement:.2f}"),
            ("neurons", "", f"{self.neurons:,}"),
            ("spikes per neuron", "", f"{self.spikes_per_neuron:.4f}"),
            ("most spikes of a neuron", "", str(self.max_spikes)),
            *([("gates of recurrent layers", "", f"{self.gates:,}")] if self.gates else []),
            *([("spikes per gate and sequence", "", f"{self.spikes_per_gate:.4g}")] if self.gates else []),
            *([("SIN per neuron (ANS)", "", f"{self.sin.ans:.4f}")] if self.sin else []),
            *([("spikes per input value", "", f"{self.input_spikes_per_value:.3f}")] if self.input_spikes else []),
            ("multiply-accumulates", f"{energy.ann_macs:,}", f"{energy.analog_macs:,}"),
            ("additions by spikes", "", f"{energy.synaptic_operations:,.0f}"),
            *([("additions of currents", "", f"{energy.current_additions:,}")] if energy.current_additions else []),
            ("energy, 32 bit (µJ)", f"{energy.ann() / 1e6:.4g}", f"{energy.snn() / 1e6:.4g}"),
            ("energy gain, counted", "", _times(energy.gain())),
            ("energy gain, formula", "", _times(energy.formula_gain())),
            *(_at_8_bits(energy) if energy.quantised else []),
            ("latency (time steps)", "", "unknown" if self.latency_steps is None else str(self.latency_steps)),
            (f"ms per sample, batch {self.timed_batch}", *_texts(self.milliseconds, ".3g")),
        ]


def summarise(
    tally: Tally,
    layers: Sequence[LayerSpikes],
    energy: Energy,
    *,
    latency_steps: int | None,
    milliseconds: Pair,
    timed_batch: int,
    sin: Inactivated | None = None,
) -> Evaluation:
    """Put together what was counted and measured."""
    hidden = [layer for layer in layers if not layer.encoder and not layer.gate]
    gates = [layer for layer in layers if layer.gate]
    coded = [layer for layer in layers if layer.encoder]
    neurons, values = sum(x.neurons for x in hidden), sum(x.neurons for x in coded)
    spikes, input_spikes = sum(x.total for x in hidden), sum(x.total for x in coded)
    return Evaluation(
        samples=tally.samples,
        top1=tally.top(1),
        top5=tally.top(5),
        agreement=tally.agreement,
        output_error=tally.error,
        neurons=neurons,
        spikes_per_neuron=spikes / neurons if neurons else 0.0,
        max_spikes=max((x.peak for x in hidden), default=0),
        input_spikes=input_spikes,
        input_spikes_per_value=input_spikes / values if values else 0.0,
        energy=energy,
        latency_steps=latency_steps,
        milliseconds=milliseconds,
        timed_batch=timed_batch,
        layers=tuple(layers),
        sin=sin,
        gates=sum(x.neurons for x in gates),
        spikes_per_gate=sum(x.total for x in gates) / sum(x.neurons for x in gates) if gates else 0.0,
    )


def _pair(values: Pair | None) -> dict[str, float] | None:
    return None if values is None else {"ann": values[0], "snn": values[1]}


def _layer(layer: LayerSpikes) -> dict[str, Any]:
    found = {"name": layer.name, "encoder": layer.encoder, "gate": layer.gate, "neurons": layer.neurons}
    found |= {"spikes": layer.total, "max": layer.peak}
    return found if layer.per_step is None else {**found, "spikes_per_step": layer.per_step.tolist()}


def _energy(energy: Energy, costs: Costs) -> dict[str, float | None]:
    return {
        "ann_nj": energy.ann(costs) / 1e3,
        "snn_nj": energy.snn(costs) / 1e3,
        "gain": energy.gain(costs),
        "formula_gain": energy.formula_gain(costs),
    }


def _at_8_bits(energy: Energy) -> list[tuple[str, str, str]]:
    """Rows of what both networks cost if all their arithmetic has 8 bits."""
    return [
        ("energy, 8 bit (µJ)", f"{energy.ann(INT8) / 1e6:.4g}", f"{energy.snn(INT8) / 1e6:.4g}"),
        ("... gain, counted", "", _times(energy.gain(INT8))),
        ("... gain, formula", "", _times(energy.formula_gain(INT8))),
    ]


def _texts(values: Pair | None, form: str) -> tuple[str, str]:
    return ("", "") if values is None else (format(values[0], form), format(values[1], form))


def _times(gain: float | None) -> str:
    return "no operations" if gain is None else f"{gain:.2f} x"
