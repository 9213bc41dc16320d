# SPDX-License-Identifier: Apache-2.0
"""Check recorded metadata other than neuron parameters, by recomputation from the graph.

Each check takes the model, and `recorded`, which returns a metadata entry by its key; it returns the fault, or None.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from math import isfinite
from typing import Any

import numpy as np
import onnx

from snncc.coding import coding_of
from snncc.coding.scales import LEVELS, NORMALIZATIONS
from snncc.ir.nodes import all_nodes, is_neuron, label
from snncc.ir.op_sets import WEIGHTED
from snncc.ops import DOMAIN, all_ops
from snncc.storage.mapped import array_of
from snncc.tools.check.weight_equivalence import initializers, stored_weights

__all__ = ["check_analog_ops", "check_calibration", "check_form", "check_outcome", "check_scales", "check_weights"]

Recorded = Callable[[str], Any]
_METHODS = ("max", "percentile", "least-squares")


def check_scales(model: onnx.ModelProto, recorded: Recorded) -> str | None:
    """Check each neuron's op, and the range of its scales: 1 where folded into weights, else as in the model."""
    nodes = {n.name: n for n in all_nodes(model.graph) if is_neuron(n)}
    constants = initializers(model, recurrent=True)
    folded = recorded("weights").get("fold_bn") == "weights"
    all_kept = recorded("calibration").get("normalize") == "none"
    for name, entry in recorded("neurons").items():
        node, scale = nodes.get(name), entry.get("scale")
        if node is None:
            continue
        if _family(node.op_type, recorded) != _family(str(entry.get("op")), recorded):
            return f"'{name}' is a {node.op_type}, not a {entry.get('op')}"
        if scale is None:
            continue
        if not (isinstance(scale, list) and len(scale) == 2 and 0 < scale[0] <= scale[1] and isfinite(scale[1])):
            return f"the scales of '{name}' are said to be within {scale}, which is no range above 0"
        kept = all_kept or entry.get("kept", False)
        worth = entry.get("unit")  # earlier models do not say
        if folded and worth is not None and _off(_range(worth), [1.0, 1.0] if kept else scale):
            return f"spikes of '{name}' are said to be worth {_range(worth)}, but its scales to be within {scale}"
        found = constants.get(node.input[1])
        if found is None or not folded or node.op_type == "PhaseNeuron":
            continue
        expected, given = scale if kept else [1.0, 1.0], _range(array_of(found))
        if _off(given, expected):
            return f"the scales of '{name}' are within {given}, not {expected}"
    return None


def _range(values: Any) -> list[float]:
    array = np.asarray(values, np.float64)
    return [float(array.min()), float(array.max())]


def _off(given: list[float], expected: list[float]) -> bool:
    return any(abs(a - b) > 1e-5 * b for a, b in zip(given, expected, strict=True))


def check_weights(model: onnx.ModelProto, recorded: Recorded) -> str | None:
    """Check how weights are stored, and where BatchNormalization was folded."""
    entry = recorded("weights")
    stored, fold = entry.get("stored"), entry.get("fold_bn")
    if stored not in ("float", "int8", "int8-tensor") or fold not in ("weights", "threshold"):
        return f"weights are said to be {stored!r}, and BatchNormalization to be in {fold!r}, which snncc does not know"
    inner = {n.name for s in model.graph.node if s.op_type == "Scan" for a in s.attribute for n in a.g.node}
    odd = [f"'{name}' ({kind})" for name, kind in stored_weights(model).items() if kind != stored and name not in inner]
    return f"weights are said to be stored as {stored}, but those of {', '.join(odd[:4])} are not" if odd else None


def check_form(model: onnx.ModelProto, recorded: Recorded) -> str | None:
    """Check the form (folded, loop or step) and the number of time steps."""
    form = recorded("form")
    loops = [
        n for n in model.graph.node if n.op_type == "Loop" and any(is_neuron(x) for x in all_nodes(n.attribute[0].g))
    ]
    states = {state.get("input") for state in form.get("states", ())}
    given = "loop" if loops else "step" if states and states <= {i.name for i in model.graph.input} else "folded"
    if form.get("form") != given:
        return f"the form is said to be {form.get('form')}, but the graph is {given}"
    steps, expected = form.get("steps"), coding_of(recorded("coding")).rows(given)
    if steps != expected and expected is not None:
        return f"the form is said to have {steps} steps, but the coding gives {expected}"
    if loops:
        stored = initializers(model, recurrent=True).get(loops[0].input[0])
        turns = None if stored is None else int(array_of(stored))
        if turns is not None and turns * int(form.get("chunk", 1)) != steps:
            return f"the form is said to have {steps} steps, but the loop makes {turns} turns"
    return None


def check_analog_ops(model: onnx.ModelProto, recorded: Recorded) -> str | None:
    """Check that the recorded analog ops exist."""
    present = {n.name: n.op_type for n in all_nodes(model.graph)}
    odd = [f"'{name}' ({op})" for name, op in recorded("islands").items() if present.get(name) != op]
    return f"analog ops are listed that the graph does not have: {', '.join(odd[:4])}" if odd else None


def check_outcome(model: onnx.ModelProto, recorded: Recorded) -> str | None:
    """Check the numbers of neurons and synapses per op, and of remaining factors; older models have no such entry."""
    told = recorded("outcome")
    if not told:
        return None
    nodes = list(all_nodes(model.graph))
    neurons = Counter[str]()
    for entry in told.get("neurons", ()):
        neurons[_family(str(entry["to"]), recorded)] += int(entry["layers"])
    given = Counter(_family(n.op_type, recorded) for n in nodes if is_neuron(n))
    if neurons != given:
        return f"neurons are said to be {_told(neurons)}, but there are {_told(given)}"
    merged = {"MatMul": "Gemm"} if recorded("weights").get("stored", "float") != "float" else {}
    kinds = [merged.get(n.op_type, n.op_type) for n in _outside_scans(model.graph) if _is_synapse(n)]
    synapses = Counter[str]()
    for op, count in told.get("synapses", {}).items():
        synapses[merged.get(op, op)] += int(count)
    if synapses != Counter(kinds):
        return f"synapses are said to be {_told(synapses)}, but there are {_told(Counter(kinds))}"
    names = {n.name for n in nodes}
    kept = (*told.get("scales", {}).get("left", ()), *told.get("batchnorm", {}).get("left", ()))
    gone = [f"'{name}'" for name in kept if name not in names]
    return f"{', '.join(gone[:4])} are said to have stayed, but are gone" if gone else None


def check_calibration(model: onnx.ModelProto, recorded: Recorded) -> str | None:  # noqa: ARG001
    """Check that the entry on calibration is consistent; `check --calib` also checks the digest of the data."""
    entry = recorded("calibration")
    origin, digest, samples = entry.get("origin"), entry.get("sha256"), entry.get("samples")
    if origin not in ("data", "noise"):
        return f"scales are said to come from {origin!r}, neither data nor noise"
    if not isinstance(samples, int) or samples < 1:
        return f"scales are said to come from {samples!r} samples"
    if (origin == "data") != bool(re.fullmatch("[0-9a-f]{64}", str(digest))):
        return f"scales are said to come from {origin}, and its sha256 to be {digest!r}"
    if entry.get("method") not in _METHODS or entry.get("normalize") not in NORMALIZATIONS:
        return f"scales are said to be {entry.get('method')!r} of {entry.get('normalize')!r}, which snncc does not know"
    if entry.get("levels", "powers") not in LEVELS:
        return f"levels are said to be {entry['levels']!r}, which snncc does not know"
    return None


def _family(op: str, recorded: Recorded) -> str:
    """The recorded op: entries are of the folded form, whose neurons may have a common op in single steps."""
    name = op.removesuffix("Step")
    ops = {each.name: each for each in all_ops()}
    if recorded("form").get("form") == "folded" or name not in ops:
        return name
    general = ops.get(ops[name].variant_of, ops[name])
    return general.single_step.removesuffix("Step") or name


def _is_synapse(node: onnx.NodeProto) -> bool:
    return node.op_type in WEIGHTED and node.domain in ("", "ai.onnx", DOMAIN)


def _outside_scans(graph: onnx.GraphProto) -> list[onnx.NodeProto]:
    inner = {label(n) for s in graph.node if s.op_type == "Scan" for a in s.attribute for n in a.g.node}
    return [n for n in all_nodes(graph) if label(n) not in inner]


def _told(counts: Counter[str]) -> str:
    return ", ".join(f"{count} {op}" for op, count in sorted(counts.items())) or "none"
