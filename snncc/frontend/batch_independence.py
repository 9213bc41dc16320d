# SPDX-License-Identifier: Apache-2.0
"""Reject ops that mix samples where rows may be time steps of samples.

This is tested by a run: the results for a batch must equal those for its parts.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from snncc.analysis.analog_ops import analog_ops, endings
from snncc.analysis.batch_axis import batch_axes
from snncc.analysis.cpu_session import ORT_ERRORS, cpu_session
from snncc.analysis.integer_inputs import is_integer
from snncc.analysis.trial import UNITS, trial_feeds
from snncc.errors import UnsupportedOpError
from snncc.ir.graph import Graph, Node
from snncc.ops.arrays import Array

__all__ = ["node_mixing_samples", "refuse_mixing"]

_TRIAL = 4  # samples in each half; with fewer, selection of samples by index is not detected
_TOLERANCE = 1e-3
_IDS = 2  # that any table has


def refuse_mixing(graph: Graph, name: str) -> None:
    """Raise UnsupportedOpError for the node that `node_mixing_samples` returns, if any."""
    node = node_mixing_samples(graph)
    if node is not None:
        message = f"{name}: {node.op} '{node.name}' mixes samples, and with this coding rows are time steps of samples"
        remedy = "Convert with --coding fs, or phase without --wait, or keep the op off the batch axis"
        raise UnsupportedOpError(f"{message}. {remedy}.")


def node_mixing_samples(graph: Graph) -> Node | None:
    """The first node whose result for a sample depends on other samples; None also if no trial is possible.

    It is not where the batch has a fixed size.
    """
    shapes = [graph.shape(t) or (None,) for t in graph.inputs]
    if any(isinstance(s[0], int) for s in shapes):
        return None
    relus = graph.nodes("Relu")
    read = [*(n.inputs[0] for n in relus), *graph.outputs]  # the potential of a ReLU that gives 0
    ends = [n for t in read if (n := graph.producer(t)) is not None]
    return _mixes(graph, [*relus, *ends]) and _mixes(graph, graph.nodes())


def _mixes(graph: Graph, nodes: list[Node]) -> Node | None:
    """The first of `nodes` whose result differs when half of the samples come alone."""
    last, chosen = {id(n) for n in endings(graph)}, {id(n) for n in analog_ops(graph)}
    watched = [n for n in nodes if n.outputs[0].dtype is not None and (_is_real(n) or id(n) in chosen)]
    watched = [n for n in watched if id(n) not in last]  # which is computed once, of the samples themselves
    names, axes = [n.outputs[0].name for n in watched], batch_axes(graph)
    try:
        session = cpu_session(graph.to_proto(), names)
    except ORT_ERRORS:
        return None
    for unit in UNITS:
        feeds = _drawn(graph, unit)
        try:
            together = session.run(None, feeds)
            halves = (slice(_TRIAL), slice(_TRIAL, None))
            apart = [session.run(None, {k: v[half] for k, v in feeds.items()}) for half in halves]
        except ORT_ERRORS:
            continue  # runs with other sizes, or another number of samples, only
        for node, value, parts in zip(watched, together, zip(*apart, strict=True), strict=True):
            if not _same(value, parts, axes.get(id(node.outputs[0])) or 0):
                return node
        break
    return None


def _drawn(graph: Graph, unit: int) -> dict[str, Array]:
    """Random inputs; open axes are multiples of `unit` long."""
    rng = np.random.default_rng(0)
    zeros = next(feeds for _, feeds in trial_feeds(graph.inputs, unit))
    high = {t.name: _IDS if is_integer(t) else 1 for t in graph.inputs}
    low = {t.name: 0 if is_integer(t) else -1 for t in graph.inputs}  # one sign alone might silence a layer
    return {k: rng.uniform(low[k], high[k], [2 * _TRIAL, *v.shape[1:]]).astype(v.dtype) for k, v in zeros.items()}


def _is_real(node: Node) -> bool:
    """Whether `node` gives real numbers, rather than shapes or indices."""
    return bool(np.dtype(node.outputs[0].dtype).kind == "f")


def _same(together: Array, parts: Sequence[Array], axis: int) -> bool:
    """Whether `parts`, joined on the axis of the batch, are the whole."""
    if np.ndim(together) <= axis:
        return False
    sizes = [tuple(d for a, d in enumerate(np.shape(value)) if a != axis) for value in (together, *parts)]
    if len(set(sizes)) > 1:
        return False
    apart = np.concatenate(parts, axis)
    if apart.shape != together.shape:
        return False
    if apart.dtype.kind != "f":
        return bool((apart == together).all())
    largest = float(np.nanmax(np.abs(apart), initial=0)) + 1e-6
    return bool(np.allclose(together, apart, rtol=_TOLERANCE, atol=_TOLERANCE * largest, equal_nan=True))
