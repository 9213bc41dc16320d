# SPDX-License-Identifier: Apache-2.0
"""What a converted model says of itself, as JSON values for its metadata."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from snncc.few_spikes.neuron import NEVER
from snncc.graph import Graph
from snncc.islands import islands
from snncc.ops import DOMAIN, get
from snncc.passes.insert_scales import neuron_output
from snncc.passes.neurons_to_be import neurons_to_be
from snncc.scales import Confidence, Scales

__all__ = ["calibration", "island_ops", "neurons", "recurrent", "scale_ranges"]


def scale_ranges(graph: Graph, scales: Scales) -> dict[str, list[float]]:
    """[lowest, highest] scale of the channels of each neuron-to-be, by its ReLU."""
    found = {n.name: scales.neurons[neuron_output(graph, n).name] for n in neurons_to_be(graph)}
    return {name: [float(scale.min()), float(scale.max())] for name, scale in found.items()}


def calibration(scales: Scales, *, matched: bool, confidence: Mapping[str, Confidence]) -> dict[str, Any]:
    """Where scales come from, and what else calibration data was used for."""
    doubts = {"confidence": {name: asdict(c) for name, c in confidence.items()}} if confidence else {}
    return {**scales.origin, "match_potentials": matched, **doubts}


def neurons(graph: Graph, ranges: Mapping[str, list[float]]) -> dict[str, dict[str, Any]]:
    """Each neuron, the node that it stands for and the range of its channels' scales; None for an encoder."""
    found = {}
    for node in graph.nodes():
        if node.domain == DOMAIN and get(node.op).neuron:
            replaced = node.name.rpartition("_neuron")[0] or None
            found[node.name] = {"op": node.op, "replaces": replaced, "scale": ranges.get(replaced or "")}
    return found


def recurrent(graph: Graph, layers: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    """The loop of each direction of a recurrent layer: the node that it replaces, its gates and their time steps.

    `layers` are the recurrent nodes of the source and their ops.
    """
    found = {}
    for scan in graph.nodes("Scan"):
        gates = [n for n in scan.attrs["body"].node if n.domain == DOMAIN]
        replaced = max((name for name in layers if scan.name.startswith(f"{name}_")), key=len)
        thresholds = next(a.floats for n in gates for a in n.attribute if a.name == "thresholds")
        steps = sum(t < NEVER for t in thresholds)
        names = [n.name for n in gates]
        found[scan.name] = {"op": layers[replaced], "replaces": replaced, "K": steps, "gates": names}
    return found


def island_ops(graph: Graph) -> dict[str, str]:
    """Each analog island and its op."""
    return {node.name: node.op for node in islands(graph)}
