# SPDX-License-Identifier: Apache-2.0
"""Metadata of a converted model, as JSON values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np

from snncc.analysis.activation_sites import activation_nodes, neuron_output
from snncc.analysis.analog_ops import analog_ops
from snncc.coding.bound_forms import Forms, words_of
from snncc.coding.fs_tables.neuron import NEVER
from snncc.coding.scales import LayerSettings, Scales, SpikeConfidence
from snncc.compiler.level_choice import LevelChoice
from snncc.ir.graph import Graph, Node
from snncc.ir.nodes import is_neuron
from snncc.ir.provenance import VALUE
from snncc.ops import DOMAIN
from snncc.ops.arrays import Array

__all__ = ["analog_op_kinds", "calibration", "neuron_scales", "neurons", "recurrent", "thresholds"]


def neuron_scales(graph: Graph, scales: Scales) -> dict[str, Array]:
    """λ of the channels of each activation site with a scale, by ReLU."""
    named = ((n.name, neuron_output(graph, n).name) for n in activation_nodes(graph))
    return {name: scales.neurons[output] for name, output in named if output in scales.neurons}


def thresholds(graph: Graph) -> dict[str, Array]:
    """The scale attribute of each neuron of a spiking network, by node."""
    return {n.name: np.asarray(graph.value(n.inputs[1])) for n in _neurons(graph)}


def calibration(
    scales: Scales, levels: LevelChoice, bounds: Forms, *, matched: bool, confidence: Mapping[str, SpikeConfidence]
) -> dict[str, Any]:
    """Origin of the scales and of the levels, and other uses of the calibration data.

    Forms of bounds are included if some differ from the default.
    """
    forms = {"bounds": {name: words_of(form) for name, form in bounds.items()}} if bounds else {}
    doubts = {"confidence": {name: asdict(c) for name, c in confidence.items()}} if confidence else {}
    return {**scales.origin, **levels.recorded(), "match_potentials": matched, **forms, **doubts}


def neurons(
    graph: Graph, own: Mapping[str, Array], lowered: Mapping[str, Array], scales: Scales
) -> dict[str, dict[str, Any]]:
    """Each neuron of the finished network: its op, and for neurons other than encoders also:

    `replaces`: the node that it stands for; `scale`: the range of its channels' λ; `unit`: what 1 in its output stands
    for in the ReLU network, per channel, which is λ where that is `folded` into weights, times what thresholds took up
    since the network was `lowered`; `kept`, where the neuron keeps λ, since no synapse computes its potential; `Q`, the
    base of its levels, or the `levels`, and `steps`, where they are its own.
    """
    found: dict[str, dict[str, Any]] = {}
    now = thresholds(graph)
    for node in _neurons(graph):
        replaced = graph.provenance(node).made_for if graph.has_role(node, "neuron") else None
        scale = own.get(replaced or "")
        known = None if scale is None else [float(scale.min()), float(scale.max())]
        found[node.name] = {"op": node.op, "replaces": replaced, "scale": known}
        if replaced is not None:
            found[node.name] |= _own(scales.choices.get(replaced, LayerSettings()))
            unit = lowered[node.name] / now[node.name].astype(np.float64)
            if graph.provenance(node).op == VALUE:
                found[node.name]["kept"] = True
            elif scale is not None and scales.normalize != "none":
                unit = unit * scale
            found[node.name]["unit"] = _rounded(unit)
    return found


def _own(choice: LayerSettings) -> dict[str, Any]:
    levels, fine = (None if table is None else list(table) for table in (choice.levels, choice.fine))
    found = {"Q": choice.base if levels is None else None, "levels": levels, "fine": fine, "steps": choice.steps}
    return {key: value for key, value in found.items() if value is not None}


def _neurons(graph: Graph) -> list[Node]:
    return [n for n in graph.nodes() if is_neuron(n)]


def _rounded(values: Array) -> Any:
    """As JSON values with as many digits as a float32 has."""
    digits = [float(f"{v:.8g}") for v in values.ravel().tolist()]
    return np.array(digits).reshape(values.shape).tolist()


def recurrent(graph: Graph, layers: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    """The loop of each direction of a recurrent layer: the replaced node, the gates and their time steps.

    `layers` are the recurrent nodes of the source and their ops.
    """
    found = {}
    for scan in (n for n in graph.nodes("Scan") if graph.has_role(n, "recurrent")):
        gates = [n for n in scan.attrs["body"].node if n.domain == DOMAIN]
        replaced = graph.provenance(scan).made_for
        thresholds = next(a.floats for n in gates for a in n.attribute if a.name == "thresholds")
        steps = sum(t < NEVER for t in thresholds)
        names = [n.name for n in gates]
        found[scan.name] = {"op": layers[replaced], "replaces": replaced, "K": steps, "gates": names}
    return found


def analog_op_kinds(graph: Graph) -> dict[str, str]:
    """The op type of each analog op, by name."""
    return {node.name: node.op for node in analog_ops(graph)}
