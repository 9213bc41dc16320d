# SPDX-License-Identifier: Apache-2.0
"""Whether a converted model is what its file says: the checks that need no data.

Each check takes what is `Inspected` and returns what is wrong, or None.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import onnx

from snncc import ops
from snncc.declared import most_spikes, wrong_gate, wrong_parameters
from snncc.errors import ModelError
from snncc.export import KEYS, all_nodes, metadata_of, model_digest
from snncc.frontend import import_model
from snncc.graph import Graph
from snncc.large import outline
from snncc.loading import check_weights
from snncc.network import is_neuron, label
from snncc.passes.lower_activations import LowerActivations
from snncc.passes.neurons_to_be import NEURONS, neurons_to_be
from snncc.recorded import prepared, recorded_coding, replaced_relus
from snncc.soundness import CHECKER_ERRORS

__all__ = ["STRUCTURE", "Inspected"]

_NOT_SPIKING = frozenset({"Clip", "Elu", "Gelu", "HardSwish", "LeakyRelu", "PRelu", "Relu", "Selu", "Tanh"})


@dataclass(frozen=True, eq=False)
class Inspected:
    """A converted model and the source that it is said to come from."""

    snn: onnx.ModelProto
    ann: onnx.ModelProto

    @property
    def neurons(self) -> list[onnx.NodeProto]:
        """The spiking neurons, those inside a loop included."""
        return [n for n in all_nodes(self.snn.graph) if is_neuron(n)]

    @cached_property
    def source(self) -> Graph:
        """The ANN as the passes see it."""
        return import_model(self.ann)

    @cached_property
    def activations(self) -> dict[str, str]:
        """By name, the nodes that neurons may stand for, and their ops, once the source is prepared for the coding."""
        coding = recorded_coding(self.snn)
        graph = prepared(self.source, coding) if coding else self.source
        return {node.name: node.op for node in (*neurons_to_be(graph), *graph.nodes(*LowerActivations.ops))}

    @cached_property
    def gates(self) -> dict[str, int]:
        """The gates of recurrent layers that the metadata list, and how many steps each takes."""
        layers = self.metadata("recurrent").values()
        return {name: int(layer.get("K", 0)) for layer in layers for name in layer.get("gates", ())}

    def metadata(self, key: str) -> Any:
        """The metadata `key`, parsed; an empty dict if it is missing or damaged."""
        try:
            found = metadata_of(self.snn).get(f"snncc.{key}")
        except ModelError:
            return {}
        return found if isinstance(found, dict) else {}


def _valid(model: Inspected) -> str | None:
    try:
        check_weights(model.snn, "the model")
        onnx.checker.check_model(outline(model.snn), full_check=True)
    except CHECKER_ERRORS as error:
        return f"onnx's checker refuses the model ({' '.join(str(error).split())[:200]})"
    return None


def _spiking(model: Inspected) -> str | None:
    curves = [n for n in all_nodes(model.snn.graph) if n.op_type in _NOT_SPIKING]
    left = [f"{n.op_type} '{label(n)}'" for n in curves if n.name not in model.metadata("islands")]
    if left:
        return f"{len(left)} activation(s) do not spike: {_listed(left)}"
    return None if model.neurons else "the model has no spiking neuron"


def _known(model: Inspected) -> str | None:
    versions = {o.domain: o.version for o in model.snn.opset_import}
    if versions.get(ops.DOMAIN) != ops.OPSET:
        return f"the model imports version {versions.get(ops.DOMAIN)} of {ops.DOMAIN}; this snncc knows {ops.OPSET}"
    registered = {op.name for op in ops.all_ops()}
    strange = [f"{n.op_type} '{label(n)}'" for n in model.neurons if n.op_type not in registered]
    strange += [
        f"{n.domain}.{n.op_type} '{label(n)}'"
        for n in all_nodes(model.snn.graph)
        if n.domain not in ("", "ai.onnx", ops.DOMAIN)
    ]
    return f"{len(strange)} op(s) are not known: {_listed(strange)}" if strange else None


def _portable(model: Inspected) -> str | None:
    bodies = {f.name for f in model.snn.functions if f.domain == ops.DOMAIN and f.node}
    missing = sorted({n.op_type for n in all_nodes(model.snn.graph) if n.domain == ops.DOMAIN} - bodies)
    return f"no function body for {', '.join(missing)}: the model runs with our library only" if missing else None


def _described(model: Inspected) -> str | None:
    try:
        found = metadata_of(model.snn)
    except ModelError as error:
        return str(error)
    missing = [key for key in KEYS if key not in found and key != "snncc.outcome"]  # earlier models have none
    return f"metadata {', '.join(missing)} missing" if missing else None


def _sourced(model: Inspected) -> str | None:
    given, recorded = model_digest(model.ann), model.metadata("source").get("sha256")
    if given == recorded:
        return None
    return f"converted from a model with sha256 {str(recorded)[:12]}, but the ANN given has {given[:12]}"


def _named(model: Inspected) -> str | None:
    recorded = {*model.metadata("neurons"), *model.gates}
    present = {n.name for n in model.neurons}
    only = [f"'{n}' (metadata only)" for n in sorted(recorded - present)]
    only += [f"'{n}' (graph only)" for n in sorted(present - recorded)]
    return f"the neurons in metadata and graph differ: {_listed(only)}" if only else None


def _replacing(model: Inspected) -> str | None:
    """Whether every neuron stands for an activation of the source, but for the encoders; a signed one for a message."""
    relus = replaced_relus(model.snn)
    both_signs = {n.name for n in model.neurons if any(a.name == "signed" and a.i for a in n.attribute)}
    strange = []
    for neuron in sorted(model.metadata("neurons")):
        relu = relus.get(neuron)
        signed = relu is None or model.activations.get(relu) == "LeakyRelu"
        if signed != (neuron in both_signs) or (relu is not None and relu not in model.activations):
            strange.append(f"'{neuron}' for '{relu}'")
    return f"neurons stand for activations that the ANN does not have: {_listed(strange)}" if strange else None


def _tabled(model: Inspected) -> str | None:
    coding, form = model.metadata("coding"), model.metadata("form")
    stand_for = {name: model.activations.get(relu, "Relu") for name, relu in replaced_relus(model.snn).items()}
    fitted = {name for name, op in stand_for.items() if op not in NEURONS}  # their tables follow from no formula
    recorded = model.metadata("neurons")
    own = {n.name: {**coding, **{k: v for k, v in recorded.get(n.name, {}).items() if k == "Q"}} for n in model.neurons}
    if most_spikes(coding) is None:
        return f"the coding {coding.get('name')!r} is not known, so the neurons' parameters cannot be checked"
    try:
        found = {
            label(n): wrong_gate(n, model.gates[n.name])
            if n.name in model.gates
            else wrong_parameters(own[n.name], form, n, encoder=n.name not in stand_for, fitted=n.name in fitted)
            for n in model.neurons
        }
    except (KeyError, TypeError, ValueError, ZeroDivisionError) as error:
        return f"the coding's parameters {coding} cannot be read ({error!r})"
    wrong = [f"'{name}': {what}" for name, what in found.items() if what]
    return f"{len(wrong)} neuron(s) are not what the metadata say: {_listed(wrong)}" if wrong else None


def _listed(items: list[str], most: int = 4) -> str:
    return ", ".join(items[:most]) + (f" and {len(items) - most} more" if len(items) > most else "")


Check = Callable[[Inspected], str | None]

# name: (the check, what is true where it passes)
STRUCTURE: dict[str, tuple[Check, str]] = {
    "valid": (_valid, "onnx's checker accepts the model"),
    "no-relu": (_spiking, "every activation spikes"),
    "ops-known": (_known, "all ops and their versions are known"),
    "bodies": (_portable, "every neuron op carries its function body"),
    "metadata": (_described, "the metadata are complete"),
    "metadata-source": (_sourced, "converted from the ANN that was given"),
    "metadata-neurons": (_named, "the metadata list the neurons of the graph"),
    "metadata-relus": (_replacing, "the neurons stand for activations of the ANN"),
    "metadata-tables": (_tabled, "the neurons' parameters are what the coding gives"),
}
