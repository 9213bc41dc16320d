# SPDX-License-Identifier: Apache-2.0
"""Evaluation results as JSON: described in docs/evaluate.md, with the schema data/evaluate.schema.json.

Percentages are 0 … 100, fractions 0 … 1, energies nanojoules per sample; unknown values are null.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from snncc.evaluation.energy import FLOAT32, INT8, Costs, SynapticLayer
from snncc.evaluation.metrics import METRICS

if TYPE_CHECKING:
    from snncc.evaluation.result import Evaluation
    from snncc.evaluation.spike_counter import LayerTotal

__all__ = ["as_json"]


def as_json(found: Evaluation) -> dict[str, Any]:
    """All of `found` as JSON values."""
    entries: dict[str, Any] = {}
    for metric in METRICS:
        metric.add_to(entries, found)
    return {
        **entries,
        "neuron_layers": [_neurons(found, layer) for layer in found.layers],
        "synaptic_layers": [_synapses(layer) for layer in found.energy.layers],
        "identity_layers": [_arrivals(layer) for layer in found.energy.identities],
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
