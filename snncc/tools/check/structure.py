# SPDX-License-Identifier: Apache-2.0
"""Structural checks of a converted model, without data.

Each check takes a `CheckSubject` and returns the fault, or None. A check that depends on a failed one is left out,
since it would repeat the same fault.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import onnx

from snncc import ops
from snncc.analysis.activation_sites import NEURONS
from snncc.coding.from_metadata import known_ops, replaced_relus
from snncc.errors import ModelError, OptionError
from snncc.execution.converted_model import CHECKER_ERRORS
from snncc.io.digests import model_digest
from snncc.io.large_models import outline
from snncc.io.model_reader import check_weights
from snncc.ir.metadata import KEYS, metadata_of
from snncc.ir.nodes import all_nodes, label
from snncc.tools.check import metadata_checks
from snncc.tools.check.expected_parameters import layer_coding, most_spikes, parameter_mismatch, wrong_gate
from snncc.tools.check.subject import CheckSubject
from snncc.tools.check.weight_equivalence import mismatched_layers

__all__ = ["STRUCTURE", "structural"]

_NOT_SPIKING = frozenset({"Clip", "Elu", "Gelu", "HardSwish", "LeakyRelu", "PRelu", "Relu", "Selu", "Tanh"})


def _valid(model: CheckSubject) -> str | None:
    try:
        check_weights(model.snn, "the model")
        onnx.checker.check_model(outline(model.snn), full_check=True)
    except CHECKER_ERRORS as error:
        return f"onnx's checker refuses the model ({' '.join(str(error).split())[:200]})"
    return None


def _spiking(model: CheckSubject) -> str | None:
    curves = [n for n in all_nodes(model.snn.graph) if n.op_type in _NOT_SPIKING]
    left = [f"{n.op_type} '{label(n)}'" for n in curves if n.name not in model.metadata("islands")]
    if left:
        return f"{len(left)} activation(s) do not spike: {_listed(left)}"
    return None if model.neurons else "the model has no spiking neuron"


def _known(model: CheckSubject) -> str | None:
    versions = {o.domain: o.version for o in model.snn.opset_import}
    if versions.get(ops.DOMAIN) != ops.OPSET:
        return f"the model imports version {versions.get(ops.DOMAIN)} of {ops.DOMAIN}; this snncc knows {ops.OPSET}"
    registered = known_ops(model.snn)
    strange = [f"{n.op_type} '{label(n)}'" for n in model.neurons if n.op_type not in registered]
    strange += [
        f"{n.domain}.{n.op_type} '{label(n)}'"
        for n in all_nodes(model.snn.graph)
        if n.domain not in ("", "ai.onnx", ops.DOMAIN)
    ]
    return f"{len(strange)} op(s) are not known: {_listed(strange)}" if strange else None


def _portable(model: CheckSubject) -> str | None:
    bodies = {f.name for f in model.snn.functions if f.domain == ops.DOMAIN and f.node}
    used = {n.op_type for n in all_nodes(model.snn.graph) if n.domain == ops.DOMAIN}
    missing = sorted(used & known_ops(model.snn) - bodies)
    return f"no function body for {', '.join(missing)}: the model runs with our library only" if missing else None


def _described(model: CheckSubject) -> str | None:
    try:
        found = metadata_of(model.snn)
    except ModelError as error:
        return str(error)
    missing = [key for key in KEYS if key not in found and key != "snncc.outcome"]  # earlier models have none
    if missing:
        return f"metadata {', '.join(missing)} missing"
    version, producer = found["snncc.version"], model.snn.producer_version
    return None if version == producer else f"made by snncc {version}, says one entry, by {producer}, another"


def _sourced(model: CheckSubject) -> str | None:
    given, recorded = model_digest(model.ann), model.metadata("source").get("sha256")
    if given == recorded:
        return None
    return f"converted from a model with sha256 {str(recorded)[:12]}, but the ANN given has {given[:12]}"


def _named(model: CheckSubject) -> str | None:
    recorded = {*model.metadata("neurons"), *model.gates}
    present = {n.name for n in model.neurons}
    only = [f"'{n}' (metadata only)" for n in sorted(recorded - present)]
    only += [f"'{n}' (graph only)" for n in sorted(present - recorded)]
    return f"the neurons in metadata and graph differ: {_listed(only)}" if only else None


def _replacing(model: CheckSubject) -> str | None:
    """Whether every neuron except encoders replaces an activation of the source; a signed one replaces a message."""
    relus = replaced_relus(model.snn)
    both_signs = {n.name for n in model.neurons if any(a.name == "signed" and a.i for a in n.attribute)}
    strange = []
    for neuron in sorted(model.metadata("neurons")):
        relu = relus.get(neuron)
        signed = relu is None or model.activations.get(relu) == "LeakyRelu"
        if signed != (neuron in both_signs) or (relu is not None and relu not in model.activations):
            strange.append(f"'{neuron}' for '{relu}'")
    return f"neurons stand for activations that the ANN does not have: {_listed(strange)}" if strange else None


def _tabled(model: CheckSubject) -> str | None:
    coding, form = model.metadata("coding"), model.metadata("form")
    stand_for = {name: model.activations.get(relu, "Relu") for name, relu in replaced_relus(model.snn).items()}
    fitted = {name for name, op in stand_for.items() if op not in NEURONS}  # their tables follow from no formula
    recorded = model.metadata("neurons")
    if most_spikes(coding) is None:
        return f"the coding {coding.get('name')!r} is not known, so the neurons' parameters cannot be checked"
    try:
        own = {n.name: layer_coding(coding, recorded.get(n.name, {})) for n in model.neurons}
        found = {
            label(n): wrong_gate(n, model.gates[n.name])
            if n.name in model.gates
            else parameter_mismatch(own[n.name], form, n, encoder=n.name not in stand_for, fitted=n.name in fitted)
            for n in model.neurons
        }
    except (KeyError, OptionError, TypeError, ValueError, ZeroDivisionError) as error:
        return f"the coding's parameters {coding} cannot be read ({error!r})"
    wrong = [f"'{name}': {what}" for name, what in found.items() if what]
    return f"{len(wrong)} neuron(s) are not what the metadata say: {_listed(wrong)}" if wrong else None


def _kin(model: CheckSubject) -> str | None:
    try:
        foreign = mismatched_layers(model.prepared.to_proto(), model.snn)
    except (IndexError, KeyError, ValueError) as error:  # attributes, groups, scales that do not fit the weights
        return f"the weights cannot be understood ({error!r})"
    names = _listed([f"'{name}'" for name in foreign])
    return f"weights are not the ANN's, scaled: {names}" if foreign else None


def _listed(items: list[str], most: int = 4) -> str:
    return ", ".join(items[:most]) + (f" and {len(items) - most} more" if len(items) > most else "")


def _claim(check: Callable[[onnx.ModelProto, Callable[[str], Any]], str | None]) -> Check:
    """A check of metadata, which may hold anything."""

    def checked(model: CheckSubject) -> str | None:
        try:
            return check(model.snn, model.metadata)
        except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
            return f"the metadata cannot be understood ({error!r})"

    return checked


Check = Callable[[CheckSubject], str | None]
_FILE = ("ops-known", "metadata")
_NEURONS = (*_FILE, "metadata-neurons")
_SCALES = (*_NEURONS, "metadata-weights", "metadata-calibration")

# name: (the check, the condition that it verifies, the checks that it depends on)
STRUCTURE: dict[str, tuple[Check, str, tuple[str, ...]]] = {
    "valid": (_valid, "onnx's checker accepts the model", ()),
    "no-relu": (_spiking, "every activation spikes", ()),
    "ops-known": (_known, "all ops and their versions are known", ()),
    "bodies": (_portable, "every neuron op carries its function body", ()),
    "metadata": (_described, "the metadata are complete", ()),
    "metadata-source": (_sourced, "converted from the ANN that was given", ("metadata",)),
    "metadata-neurons": (_named, "the metadata list the neurons of the graph", _FILE),
    "metadata-relus": (_replacing, "the neurons stand for activations of the ANN", (*_NEURONS, "metadata-source")),
    "metadata-tables": (_tabled, "the neurons' parameters are what the coding gives", _NEURONS),
    "metadata-weights": (_claim(metadata_checks.check_weights), "weights are stored as recorded", _FILE),
    "metadata-calibration": (
        _claim(metadata_checks.check_calibration),
        "the origin of the scales is told",
        ("metadata",),
    ),
    "metadata-scales": (
        _claim(metadata_checks.check_scales),
        "the neurons' ops and scales are those recorded",
        _SCALES,
    ),
    "metadata-form": (_claim(metadata_checks.check_form), "the form and its steps are those recorded", _FILE),
    "metadata-islands": (_claim(metadata_checks.check_analog_ops), "the analog ops are those recorded", _FILE),
    "metadata-outcome": (_claim(metadata_checks.check_outcome), "neurons and synapses are as many as recorded", _FILE),
    "weights": (_kin, "weights are the ANN's, scaled by channel", (*_FILE, "valid", "metadata-source")),
}


def structural(model: CheckSubject) -> Iterator[tuple[str, bool, str]]:
    """(Name, whether it passed, details) of each check; checks whose requirements failed are left out."""
    passed: set[str] = set()
    for name, (check, fine, needs) in STRUCTURE.items():
        if passed.issuperset(needs):
            wrong = check(model)
            if wrong is None:
                passed.add(name)
            yield name, wrong is None, wrong or fine
