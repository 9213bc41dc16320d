# SPDX-License-Identifier: Apache-2.0
"""Measure spike confidence (msat.txt, section 4.2): the share of a layer's spikes that is correct.

A spike is incorrect if the ReLU of its neuron gives 0, because its pre-activation in the ReLU network is negative
("SIN"). The confidence p of a layer is 1 minus the share of its neurons, over all samples, with such spikes. The early
steps are those that contain nine of ten spikes of such neurons.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from snncc.analysis.cpu_session import cpu_session
from snncc.coding import Coding
from snncc.coding.scales import SpikeConfidence
from snncc.errors import OptionError
from snncc.ir.function_bodies import attach_bodies
from snncc.ir.graph import Graph, Node
from snncc.ir.nodes import is_neuron
from snncc.ir.proto_builder import Builder
from snncc.ops import get
from snncc.ops.arrays import Array

__all__ = ["last_layers", "measure_confidence", "spike_confidence"]

_SAMPLES = 128
_ROWS = 512  # steps times samples that are run at once
_EARLY_SHARE = 0.9


def spike_confidence(
    coding: Coding, reference: Graph, lowered: Callable[[], Graph], data: Mapping[str, Array] | None
) -> dict[str, SpikeConfidence]:
    """The confidence of each neuron for which `coding` requests it, by name; see `measure_confidence`.

    `lowered()` returns the spiking network; it is only called if a confidence is requested.

    Raises:
        OptionError: it is to be measured, and there is no data.
    """
    wanted = coding.spike_confidence
    if wanted is None:
        return {}
    spiking = lowered()
    neurons = spiking.nodes(wanted.op) if wanted.all_layers else last_layers(spiking)
    measured: dict[str, SpikeConfidence] = {}
    if None in (wanted.p, wanted.early):
        if data is None:
            raise OptionError(
                "spike confidence is measured on calibration data; give --calib, or p and early as numbers"
            )
        measured = measure_confidence(reference, spiking, neurons, data, coding.steps)
    found = {}
    for node in neurons:
        p = measured[node.name].p if wanted.p is None else wanted.p
        early = measured[node.name].early if wanted.early is None else wanted.early
        found[node.name] = SpikeConfidence(p, early)
    return found


def last_layers(graph: Graph) -> list[Node]:
    """The neurons with a path to an output that contains no other neuron."""
    found: dict[int, Node] = {}
    pending = [graph.producer(t) for t in graph.outputs]
    while pending:
        node = pending.pop()
        if node is None:
            continue
        if is_neuron(node):
            found[id(node)] = node
        else:
            pending += [graph.producer(t) for t in graph.reads(node)]
    return [n for n in graph.nodes() if id(n) in found]


def measure_confidence(
    reference: Graph, spiking: Graph, neurons: list[Node], data: Mapping[str, Array], steps: int
) -> dict[str, SpikeConfidence]:
    """The confidence of each of `neurons`, by name.

    Args:
        reference: The ReLU network, for whose ReLUs the neurons were made.
        spiking: The same, lowered, in the folded form, all spikes surviving.
        neurons: Nodes of `spiking`.
        data: Samples {input: [n, …]}.
        steps: Time steps of a run.
    """
    relus = {n.name: n for n in reference.nodes("Relu")}
    pairs = {n.name: relus[spiking.provenance(n).made_for].inputs[0].name for n in neurons}
    model, counts = _counting(spiking, list(pairs))
    ann = cpu_session(reference.to_proto(), list(pairs.values()))
    snn = cpu_session(model, list(counts.values()))
    vain: dict[str, Array] = {name: np.zeros(steps) for name in pairs}
    misled: dict[str, list[float]] = {name: [] for name in pairs}
    size = max(1, _ROWS // steps)
    for start in range(0, min(_SAMPLES, len(next(iter(data.values())))), size):
        batch = {k: v[start : start + size] for k, v in data.items()}
        potentials = dict(zip(pairs, ann.run(None, batch), strict=True))
        for name, count in zip(pairs, snn.run(None, batch), strict=True):
            fired = count.reshape(steps, *potentials[name].shape) * (potentials[name] < 0)
            vain[name] += fired.sum(axis=tuple(range(1, fired.ndim)))
            misled[name] += list((fired.sum(axis=0) > 0).reshape(fired.shape[1], -1).mean(axis=1))
    return {name: SpikeConfidence(1 - float(np.mean(misled[name])), _early(vain[name])) for name in pairs}


def _early(vain: Array) -> int:
    total = vain.sum()
    return int(np.searchsorted(np.cumsum(vain), _EARLY_SHARE * total) + 1) if total else 0


def _counting(spiking: Graph, names: list[str]) -> tuple[Any, dict[str, str]]:
    """The network with the spike counts of the named neurons as tensors, and what these are called."""
    model = spiking.to_proto()
    build, counts = Builder(model), {}
    for node in model.graph.node:
        if node.name in names:
            counts[node.name] = build.fresh(f"{node.name}_count")
            at = [p.name for p in get(node.op_type).outputs].index("count")
            node.output[at] = counts[node.name]
    attach_bodies(model)
    return model, {name: counts[name] for name in names}
