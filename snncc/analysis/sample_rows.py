# SPDX-License-Identifier: Apache-2.0
"""Find tensors whose rows, on axis 0, are those of the samples one after the other.

This is tested by a run: the results for a batch must equal those for its halves, one after the other.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from snncc.analysis.batch_axis import batch_axes
from snncc.analysis.cpu_session import ORT_ERRORS, cpu_session
from snncc.analysis.integer_inputs import is_integer
from snncc.analysis.trial import UNITS, trial_feeds
from snncc.ir.graph import Graph, Tensor
from snncc.ops.arrays import Array

__all__ = ["same_values", "whole_and_halves", "with_rows_of_samples"]

_TRIAL = 4  # samples in each half; with fewer, selection of samples by index is not detected
_TOLERANCE = 1e-3
_IDS = 2  # that any table has


def with_rows_of_samples(graph: Graph, tensors: Sequence[Tensor]) -> set[int]:
    """The ids of those of the `tensors` that have the same number of rows for each sample, in the order of samples.

    Shapes tell it, or a run; of a fixed batch, the size of the axis.
    """
    axes = batch_axes(graph)
    if axes:  # of a network with recurrent layers
        return {id(t) for t in tensors if axes.get(id(t)) == 0}
    batch = next((s[0] for t in graph.inputs if (s := graph.shape(t))), None)
    first = {id(t): (graph.shape(t) or (None,))[0] for t in tensors}
    known = {key for key, size in first.items() if size is not None and size == batch}
    if isinstance(batch, int):
        return known
    unclear = {t.name: id(t) for t in tensors if id(t) not in known and not isinstance(first[id(t)], int)}
    runs = whole_and_halves(graph, list(unclear)) if unclear else iter(())
    return known | {unclear[name] for name, whole, halves in runs if same_values(whole, halves, 0)}


def whole_and_halves(graph: Graph, names: Sequence[str]) -> Iterator[tuple[str, Array, Sequence[Array]]]:
    """(Name, value for a batch of random inputs, values for its halves); nothing if the network does not run so."""
    try:
        session = cpu_session(graph.to_proto(), list(names))
    except ORT_ERRORS:
        return
    for unit in UNITS:
        feeds = _drawn(graph, unit)
        try:
            together = session.run(None, feeds)
            halves = (slice(_TRIAL), slice(_TRIAL, None))
            apart = [session.run(None, {k: v[half] for k, v in feeds.items()}) for half in halves]
        except ORT_ERRORS:
            continue  # runs with other sizes, or another number of samples, only
        yield from zip(names, together, zip(*apart, strict=True), strict=True)
        return


def same_values(together: Array, parts: Sequence[Array], axis: int) -> bool:
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


def _drawn(graph: Graph, unit: int) -> dict[str, Array]:
    """Random inputs; open axes are multiples of `unit` long."""
    rng = np.random.default_rng(0)
    zeros = next(feeds for _, feeds in trial_feeds(graph.inputs, unit))
    high = {t.name: _IDS if is_integer(t) else 1 for t in graph.inputs}
    low = {t.name: 0 if is_integer(t) else -1 for t in graph.inputs}  # one sign alone might silence a layer
    return {k: rng.uniform(low[k], high[k], [2 * _TRIAL, *v.shape[1:]]).astype(v.dtype) for k, v in zeros.items()}
