# SPDX-License-Identifier: Apache-2.0
"""Evaluation results as JSON: described in docs/evaluate.md, with the schema data/evaluate.schema.json.

Percentages are 0 … 100, fractions 0 … 1, energies nanojoules per sample; unknown values are null.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from snncc.evaluation.energy import FLOAT32, INT8, Costs, SynapticLayer

if TYPE_CHECKING:
    from snncc.evaluation.result import Evaluation
    from snncc.evaluation.spike_counter import LayerTotal

__all__ = ["as_json"]


def as_json(found: Evaluation) -> dict[str, Any]:
    """All of `found` as JSON values."""
    energy, steps = found.energy, found.steps
    return {
        "samples": found.samples,
        "accuracy_percent": {"top1": _pair(found.top1), "top5": _pair(found.top5), "drop_points": found.drop},
        "agreement": found.agreement,
        "output_error": found.output_error,
        "spikes": _spikes(found),
        "sin": None if found.sin is None else found.sin.to_json(),
        "operations": {
            "ann_macs": energy.ann_macs,
            "snn_macs": energy.analog_macs,
            "snn_synaptic": energy.synaptic_operations,
            "snn_synaptic_formula": energy.formula_operations,
            "snn_current": energy.current_additions,
        },
        "weights": "int8" if energy.quantised else "float",
        "few_bits": None if steps is None else steps.bits,
        "energy": {"float32": _energy(found, FLOAT32), "int8": _energy(found, INT8)},
        "latency": {
            "steps": found.latency_steps,
            "interval_steps": None if steps is None else steps.interval,
            "samples_per_step": None if steps is None else 1 / steps.interval,
            "ms_per_sample": _pair(found.milliseconds),
            "batch": found.timed_batch,
        },
        "neuron_layers": [_neurons(found, layer) for layer in found.layers],
        "synaptic_layers": [_synapses(layer) for layer in energy.layers],
        "identity_layers": [_arrivals(layer) for layer in energy.identities],
    }


def _pair(values: tuple[float, float] | None) -> dict[str, float] | None:
    return None if values is None else {"ann": values[0], "snn": values[1]}


def _spikes(found: Evaluation) -> dict[str, Any]:
    return {
        "neurons": found.neurons,
        "per_neuron": found.spikes_per_neuron,
        "per_neuron_and_step": found.firing_rate,
        "share_per_step": found.share_per_step,
        "max": found.max_spikes,
        "gates": found.gates,
        "per_gate": found.spikes_per_gate,
        "input": found.input_spikes,
        "input_per_value": found.input_spikes_per_value,
    }


def _energy(found: Evaluation, costs: Costs) -> dict[str, Any]:
    energy = found.energy
    return {
        "ann_nj": energy.ann(costs) / 1e3,
        "few_bits_nj": None if found.steps is None else energy.few_bits(found.steps.bits, costs) / 1e3,
        "snn_nj": energy.snn(costs) / 1e3,
        "gain": energy.gain(costs),
        "formula_gain": energy.formula_gain(costs),
        "few_bits_gain": found.few_bits_gain(costs),
        "with_memory": {
            "reuse": _with_memory(found, costs, reuse=True),
            "no_reuse": _with_memory(found, costs, reuse=False),
        },
    }


def _with_memory(found: Evaluation, costs: Costs, *, reuse: bool) -> dict[str, float | None] | None:
    total = found.with_memory(costs, reuse=reuse)
    if total is None:
        return None
    return {
        "ann_nj": total.ann / 1e3,
        "few_bits_nj": total.few_bits / 1e3,
        "snn_nj": total.snn / 1e3,
        "gain": total.ann / total.snn if total.snn else None,
        "few_bits_gain": total.few_bits / total.snn if total.snn else None,
    }


def _neurons(found: Evaluation, layer: LayerTotal) -> dict[str, Any]:
    """A gate fires at every step of the sequence, so that its rate is not reported."""
    each = layer.total / layer.neurons if layer.neurons else 0.0
    return {
        "name": layer.name,
        "encoder": layer.encoder,
        "gate": layer.gate,
        "neurons": layer.neurons,
        "spikes": layer.total,
        "per_neuron": each,
        "per_neuron_and_step": None if layer.gate else found.rate_of(each),
        "max": layer.peak,
        **_by_step(layer),
    }


def _by_step(layer: LayerTotal) -> dict[str, Any]:
    if layer.per_step is None:
        return {}
    return {"spikes_per_step": layer.per_step.tolist(), "share_per_step": layer.share_per_step}


def _synapses(layer: SynapticLayer) -> dict[str, Any]:
    return {
        "name": layer.name,
        "op": layer.op,
        "macs": layer.macs,
        "spikes_per_input": layer.rate,
        "snn_macs": layer.analog_macs,
        "snn_synaptic": layer.synaptic_operations,
        "snn_current": layer.current_additions,
        "energy": {name: _arithmetic(layer, costs) for name, costs in (("float32", FLOAT32), ("int8", INT8))},
    }


def _arithmetic(layer: SynapticLayer, costs: Costs) -> dict[str, float]:
    return {"ann_nj": layer.ann(costs) / 1e3, "snn_nj": layer.snn(costs) / 1e3}


def _arrivals(layer: SynapticLayer) -> dict[str, Any]:
    return {
        "name": layer.name,
        "op": layer.op,
        "snn_synaptic": layer.synaptic_operations,
        "snn_current": layer.current_additions,
        "energy": {"float32": {"snn_nj": layer.snn() / 1e3}, "int8": {"snn_nj": layer.snn(INT8) / 1e3}},
    }
