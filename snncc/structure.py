# SPDX-License-Identifier: Apache-2.0
"""Whether a converted model is what its file says: the checks that need no data.

Each check takes what is `Inspected` and returns what is wrong, or None.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import helper

from snncc import ops
from snncc.errors import ModelError
from snncc.export import KEYS, metadata_of, model_digest
from snncc.frontend import import_model
from snncc.graph import Graph
from snncc.network import is_neuron, label

__all__ = ["STRUCTURE", "Inspected"]

_NOT_SPIKING = frozenset({"Clip", "Elu", "Gelu", "HardSwish", "LeakyRelu", "PRelu", "Relu", "Selu", "Tanh"})


@dataclass(frozen=True, eq=False)
class Inspected:
    """A converted model and the source that it is said to come from."""

    snn: onnx.ModelProto
    ann: onnx.ModelProto

    @property
    def neurons(self) -> list[onnx.NodeProto]:
        """The nodes of our domain."""
        return [n for n in self.snn.graph.node if is_neuron(n)]

    @cached_property
    def source(self) -> Graph:
        """The ANN as the passes see it."""
        return import_model(self.ann)

    def metadata(self, key: str) -> Any:
        """The metadata `key`, parsed; an empty dict if it is missing or damaged."""
        try:
            found = metadata_of(self.snn).get(f"snncc.{key}")
        except ModelError:
            return {}
        return found if isinstance(found, dict) else {}


def _valid(model: Inspected) -> str | None:
    try:
        onnx.checker.check_model(model.snn, full_check=True)
    except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as error:
        return f"onnx's checker refuses the model ({' '.join(str(error).split())[:200]})"
    return None


def _spiking(model: Inspected) -> str | None:
    left = [f"{n.op_type} '{label(n)}'" for n in model.snn.graph.node if n.op_type in _NOT_SPIKING]
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
        for n in model.snn.graph.node
        if n.domain not in ("", "ai.onnx", ops.DOMAIN)
    ]
    return f"{len(strange)} op(s) are not known: {_listed(strange)}" if strange else None


def _portable(model: Inspected) -> str | None:
    bodies = {f.name for f in model.snn.functions if f.domain == ops.DOMAIN and f.node}
    missing = sorted({n.op_type for n in model.neurons} - bodies)
    return f"no function body for {', '.join(missing)}: the model runs with our library only" if missing else None


def _described(model: Inspected) -> str | None:
    try:
        found = metadata_of(model.snn)
    except ModelError as error:
        return str(error)
    missing = [key for key in KEYS if not found.get(key)]
    return f"metadata {', '.join(missing)} missing or empty" if missing else None


def _sourced(model: Inspected) -> str | None:
    given, recorded = model_digest(model.ann), model.metadata("source").get("sha256")
    if given == recorded:
        return None
    return f"converted from a model with sha256 {str(recorded)[:12]}, but the ANN given has {given[:12]}"


def _named(model: Inspected) -> str | None:
    recorded, present = set(model.metadata("neurons")), {n.name for n in model.neurons}
    only = [f"'{n}' (metadata only)" for n in sorted(recorded - present)]
    only += [f"'{n}' (graph only)" for n in sorted(present - recorded)]
    return f"the neurons in metadata and graph differ: {_listed(only)}" if only else None


def _replacing(model: Inspected) -> str | None:
    """Whether every neuron stands for a ReLU of the source (a split Clip's has a suffix), but for the encoders."""
    known = {node.name for node in model.source.nodes("Relu", "Clip")}
    inputs = {i.name for i in model.snn.graph.input}
    encoders = {n.name for n in model.neurons if n.input[0] in inputs}
    strange = []
    for neuron, entry in sorted(model.metadata("neurons").items()):
        relu = entry.get("replaces") if isinstance(entry, dict) else entry
        stands = relu is None if neuron in encoders else bool({str(relu), str(relu).removesuffix("_relu")} & known)
        if not stands:
            strange.append(f"'{neuron}' for '{relu}'")
    return f"neurons stand for activations that the ANN does not have: {_listed(strange)}" if strange else None


def _tabled(model: Inspected) -> str | None:
    coding = model.metadata("coding")
    if coding.get("name") != "phase":
        return f"the coding {coding.get('name')!r} is not known, so its tables cannot be checked"
    try:
        wrong = [f"'{label(n)}': {what}" for n in model.neurons if (what := _wrong_table(coding, n))]
    except (KeyError, TypeError, ValueError) as error:
        return f"the coding's parameters {coding} cannot be read ({error!r})"
    return f"{len(wrong)} neuron(s) are not what the metadata say: {_listed(wrong)}" if wrong else None


def _wrong_table(coding: Mapping[str, Any], node: onnx.NodeProto) -> str | None:
    given = {a.name: helper.get_attribute_value(a) for a in node.attribute}
    kind = coding["input"] if given.get("signed") else "hidden"
    allowed = {"binary": coding["T"], "one": 1}.get(kind, coding["spikes"])
    if given.get("max_spikes", 1) != allowed:
        return f"it may send {given.get('max_spikes', 1)} spikes, not {allowed}"
    for name, values in _tables(coding, kind == "binary", allowed).items():
        if name in given and len(given[name]) != len(values):
            return f"{name} has {len(given[name])} entries, T is {coding['T']}"
        if name in given and not np.array_equal(np.float32(given[name]), values):
            return f"{name} is not what T, Q and shift give"
    return None


def _tables(coding: Mapping[str, Any], binary: bool, spikes: int) -> dict[str, npt.NDArray[np.float32]]:
    """What the tables must be, from the metadata alone: levels Q^-p, and only the last of several spikes rounds."""
    base = 2.0 if binary else float(coding["Q"])
    levels = base ** -np.arange(int(coding["T"]), dtype=np.float64)
    plain = levels.astype(np.float32)
    shifted = (levels * ((1 + 1 / base) / 2)).astype(np.float32) if coding["shift"] else plain
    rounds = spikes == 1 or spikes < int(coding["T"])
    if binary:
        return dict.fromkeys(("levels", "thresholds", "last_thresholds"), plain)
    return {
        "levels": plain,
        "thresholds": shifted if spikes == 1 else plain,
        "last_thresholds": shifted if rounds else plain,
    }


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
    "metadata-tables": (_tabled, "the neurons' tables are what T, Q and shift give"),
}
