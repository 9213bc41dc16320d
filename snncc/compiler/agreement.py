# SPDX-License-Identifier: Apache-2.0
"""Check that the rows of a spiking network match in number, and that its outputs match its source's.

Shape inference does not determine computed sizes, so that the network is run on a few samples.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace

import numpy as np

from snncc.analysis.cpu_session import ORT_ERRORS, cpu_session
from snncc.analysis.trial import UNITS, trial_feeds
from snncc.errors import UnsupportedShapeError
from snncc.ir.graph import Graph, Tensor
from snncc.ops.arrays import Array
from snncc.passes.time.to_single_steps import State

__all__ = ["output_shapes", "refuse_rows", "rows_may_move", "rows_must_fit", "settled_states"]

Shapes = Mapping[int, list[tuple[int, ...]]]  # by number of samples: of each output

_CODINGS = "Convert with --coding fs, or phase without --wait, whose rows are samples"
_REMEDY = f"{_CODINGS}, or export with a dynamic batch and all other sizes fixed"


def rows_may_move(graph: Graph) -> bool:
    """Whether sizes are computed, or a batch of fixed size, which cannot be compared with another, leaves axis 0."""
    if graph.nodes("Shape", "Size"):
        return True
    fixed = any(isinstance(d, int) for t in graph.inputs for d in (graph.shape(t) or ())[:1])
    return fixed and any(next(iter(n.attrs.get("perm", [1])), 0) for n in graph.nodes("Transpose"))


@contextmanager
def rows_must_fit(name: str) -> Iterator[None]:
    """Convert onnxruntime's errors on a network over time to an UnsupportedShapeError."""
    try:
        yield
    except ORT_ERRORS as error:
        reason = str(error).splitlines()[0].rpartition("Status Message: ")
        node = reason[0].rpartition("running ")[2] or "a node"
        message = f"{name}: time steps are stacked on the batch axis, and rows do not fit together at {node.strip()}"
        raise UnsupportedShapeError(f"{message} ({reason[2]}). {_REMEDY}.") from error


def output_shapes(graph: Graph) -> tuple[int, Shapes]:
    """(The unit of open axes, the shapes of the outputs) of the successful runs; none if all fail."""
    try:
        session = cpu_session(graph.to_proto())
    except ORT_ERRORS:
        return UNITS[0], {}
    for unit in UNITS:
        try:
            return unit, {
                n: [v.shape for v in session.run(None, feeds)] for n, feeds in trial_feeds(graph.inputs, unit)
            }
        except ORT_ERRORS:
            continue
    return UNITS[0], {}


def refuse_rows(graph: Graph, name: str, unit: int, expected: Shapes) -> None:
    """Raise UnsupportedShapeError if the spiking `graph` fails in a run of its source, or gives other shapes."""
    if not expected:
        return
    with rows_must_fit(name):
        session = cpu_session(graph.to_proto())
        found = {n: [v.shape for v in session.run(None, feeds)] for n, feeds in trial_feeds(graph.inputs, unit)}
    for n, shapes in expected.items():
        for output, wanted, given in zip(graph.outputs, shapes, found[n], strict=True):
            if wanted != given:
                message = f"{name}: output '{output.name}' of {n} samples would be {given}, not {wanted}"
                raise UnsupportedShapeError(f"{message}: its rows are not those of samples. {_REMEDY}.")


def settled_states(graph: Graph, states: Sequence[State]) -> list[State]:
    """`states` with static shapes as observed in runs: sizes, or names of the inputs' open axes.

    Raises:
        UnsupportedShapeError: the rows of a state are not samples.
    """
    left = {s.input for s in states}
    given = [t for t in graph.inputs if t.name not in left]
    starts = {s.input: np.full([1] * len(s.shape or (1,)), s.initial, s.dtype) for s in states}
    runs = _state_runs(graph, states, given, starts)
    if not runs:
        return list(states)
    opened = [(t.name, a, d) for t in given for a, d in enumerate(t.shape) if isinstance(d, str)]
    axes = {symbol: [feeds[name].shape[axis] for _, feeds, _ in runs] for name, axis, symbol in opened}
    settled = [states[0]]
    for place, state in enumerate(states[1:], 1):
        sizes = list(zip(*(shapes[place] for _, _, shapes in runs), strict=True))
        if list(sizes[0]) != [samples for samples, _, _ in runs]:
            message = (
                f"state '{state.input}' has {sizes[0][0]} rows for {runs[0][0]} samples, and states have one for each"
            )
            raise UnsupportedShapeError(f"{message}. Convert with --form folded or loop")
        known = state.shape or (None,) * len(sizes)
        inner = [_named(d, list(found), axes) for d, found in zip(known[1:], sizes[1:], strict=True)]
        settled.append(replace(state, shape=(known[0], *inner)))
    for tensor in (*graph.inputs, *graph.outputs):
        shape = next((s.shape for s in settled if tensor.name in (s.input, s.output)), None)
        tensor.shape = tensor.shape if shape is None else list(shape)
    return settled


def _state_runs(
    graph: Graph, states: Sequence[State], given: Sequence[Tensor], starts: Mapping[str, Array]
) -> list[tuple[int, Mapping[str, Array], list[tuple[int, ...]]]]:
    """(Samples, inputs, shapes of the states) after a step from states of one element; empty if none runs."""
    sketch, remembered = graph.copy(), {s.input for s in states} | {s.output for s in states}
    for tensor in (*sketch.inputs, *sketch.outputs):
        if tensor.name in remembered:
            tensor.shape = [None] * len(tensor.shape or (None,))  # one element will do
    try:
        session = cpu_session(sketch.to_proto(), [s.output for s in states])
    except ORT_ERRORS:
        return []
    for unit in UNITS:
        try:
            return [
                (samples, feeds, [v.shape for v in session.run(None, {**feeds, **starts})])
                for samples, feeds in trial_feeds(given, unit)
            ]
        except ORT_ERRORS:
            continue
    return []


def _named(known: int | str | None, sizes: list[int], axes: Mapping[str, list[int]]) -> int | str | None:
    """A size that is the same in all runs, or the open axis that has the same ones."""
    if isinstance(known, int) or (isinstance(known, str) and axes.get(known) == sizes):
        return known
    names = [name for name, found in axes.items() if found == sizes]
    return names[0] if names else known
