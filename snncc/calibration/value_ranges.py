# SPDX-License-Identifier: Apache-2.0
"""Value ranges of the inputs and outputs of non-linear ops: pre-activations, and analog ops."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import numpy as np

from snncc.analysis.activations import match_activation
from snncc.analysis.analog_ops import analog_ops
from snncc.analysis.batch_axis import nodes_off_batch_axis
from snncc.analysis.cpu_session import cpu_session
from snncc.analysis.integer_inputs import activation_sources as network_sources
from snncc.analysis.integer_inputs import is_integer
from snncc.calibration.observed_gates import watched_gates
from snncc.ir.graph import Graph
from snncc.ir.op_sets import ANALOG, RECURRENT
from snncc.ops.arrays import Array

__all__ = ["depths", "value_ranges"]

_BATCH = 32

Extents = dict[str, tuple[float, float]]


def value_ranges(graph: Graph, data: Mapping[str, Array], *, gates: bool = True) -> tuple[Extents, Extents]:
    """Two kinds of (lowest, highest) values.

    Args:
        graph: The prepared network.
        data: Samples {input: [n, …]}.
        gates: Whether the value ranges of gates of recurrent layers are included.

    Returns:
        Of the pre-activation of each activation that is no ReLU, and of the states of an RNN, by node (passes may give
        the tensor another name), and of what goes into the gates of recurrent layers, by `extent_of`; and by tensor, of
        what each op computes that is not linear, and of the sources.
    """
    off = nodes_off_batch_axis(graph)
    chosen = {id(n) for n in analog_ops(graph)} | off.keys()
    nodes = [n for n in graph.nodes() if n.op in ANALOG or n.op in RECURRENT or id(n) in chosen]
    matches = {n.name: match_activation(graph, n) for n in nodes}
    sources = {name: match[1].name for name, match in matches.items() if match is not None}
    results = [t.name for n in nodes for t in n.outputs if t.name and not is_integer(t)]
    results += [t.name for t in network_sources(graph)]
    measured = _measured(graph, data, sorted({*sources.values(), *results}))
    states = {n.name: measured[n.outputs[0].name] for n in nodes if n.op == "RNN"}
    inside = _gates(graph, data) if gates else {}
    return {n: measured[t] for n, t in sources.items()} | states | inside, {t: measured[t] for t in results}


def _gates(graph: Graph, data: Mapping[str, Array]) -> Extents:
    loops, tensors = watched_gates(graph)
    measured = _measured(loops, data, [t for ends in tensors.values() for t in ends])
    return {gate: (measured[least][0], measured[largest][1]) for gate, (least, largest) in tensors.items()}


def depths(graph: Graph, data: Mapping[str, Array], relus: Collection[str]) -> dict[str, float]:
    """The magnitude of the lowest input of these ReLUs, by node."""
    sources = {n.name: n.inputs[0].name for n in graph.nodes("Relu") if n.name in relus}
    measured = _measured(graph, data, sorted(set(sources.values())))
    return {name: max(0.0, -measured[tensor][0]) for name, tensor in sources.items()}


def _measured(graph: Graph, data: Mapping[str, Array], tensors: list[str]) -> Extents:
    if not tensors:
        return {}
    fixed = (graph.shape(graph.inputs[0]) or (None,))[0]
    size = fixed if isinstance(fixed, int) else _BATCH
    session = cpu_session(graph.to_proto(), tensors)
    found = dict.fromkeys(tensors, (np.inf, -np.inf))
    for start in range(0, len(next(iter(data.values()))), size):
        values = session.run(None, {k: v[start : start + size] for k, v in data.items()})
        for name, value in zip(tensors, values, strict=True):
            low, high = found[name]
            found[name] = min(low, float(value.min(initial=np.inf))), max(high, float(value.max(initial=-np.inf)))
    return {name: span if np.isfinite(span).all() else (0.0, 0.0) for name, span in found.items()}
