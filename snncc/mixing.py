# SPDX-License-Identifier: Apache-2.0
"""Ops that mix samples: where rows may be time steps of samples, nothing may.

Whether an op does is not guessed: what it makes of samples at once must be what it makes of some and of the others.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from snncc.batch_axis import batch_axes
from snncc.errors import UnsupportedOpError
from snncc.graph import Graph, Node
from snncc.islands import endings, islands
from snncc.sessions import ORT_ERRORS, cpu_session
from snncc.tokens import is_integer

__all__ = ["mixes_samples", "refuse_mixing"]

Array = npt.NDArray[Any]

_TRIAL = 4
_TOLERANCE = 1e-3
_IDS = 2  # that any table has


def refuse_mixing(graph: Graph, name: str) -> None:
    """Raise UnsupportedOpError with the first node of which `mixes_samples` speaks."""
    node = mixes_samples(graph)
    if node is not None:
        message = f"{name}: {node.op} '{node.name}' mixes samples, and with this coding rows are time steps of samples"
        way_out = "Convert with --coding fs, or phase without --wait, or keep the op off the batch axis"
        raise UnsupportedOpError(f"{message}. {way_out}.")


def mixes_samples(graph: Graph) -> Node | None:
    """The first node whose result for a sample depends on the others; None also where a trial is not possible.

    It is not where the batch has a fixed size, or another axis of an input an open one.
    """
    shapes = [graph.shape(t) or (None,) for t in graph.inputs]
    if any(isinstance(s[0], int) for s in shapes) or not all(isinstance(d, int) for s in shapes for d in s[1:]):
        return None
    ends = [n for t in graph.outputs if (n := graph.producer(t)) is not None]
    return _mixes(graph, [*graph.nodes("Relu"), *ends]) and _mixes(graph, graph.nodes())


def _mixes(graph: Graph, nodes: list[Node]) -> Node | None:
    """The first of `nodes` whose result differs when half of the samples come alone."""
    last, chosen = {id(n) for n in endings(graph)}, {id(n) for n in islands(graph)}
    watched = [n for n in nodes if n.outputs[0].dtype is not None and (_is_real(n) or id(n) in chosen)]
    watched = [n for n in watched if id(n) not in last]  # which is worked out once, of the samples themselves
    names, axes = [n.outputs[0].name for n in watched], batch_axes(graph)
    rng = np.random.default_rng(0)
    high = {t.name: _IDS if is_integer(t) else 1 for t in graph.inputs}
    feeds = {t.name: rng.uniform(0, high[t.name], [2 * _TRIAL, *graph.sizes(t)]).astype(t.dtype) for t in graph.inputs}
    try:
        session = cpu_session(graph.to_proto(), names)
        together = session.run(None, feeds)
        apart = [session.run(None, {k: v[h] for k, v in feeds.items()}) for h in (slice(_TRIAL), slice(_TRIAL, None))]
    except ORT_ERRORS:
        return None  # runs with another number of samples only: nothing is known
    for node, value, parts in zip(watched, together, zip(*apart, strict=True), strict=True):
        if not _same(value, parts, axes.get(id(node.outputs[0])) or 0):
            return node
    return None


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
