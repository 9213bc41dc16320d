# SPDX-License-Identifier: Apache-2.0
"""Run a network on zeros with several sizes of the batch and of open axes, to find how shapes depend on the inputs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from snncc.analysis.cpu_session import ORT_ERRORS, cpu_session
from snncc.ir.graph import Graph, Tensor
from snncc.ir.op_sets import SHAPE_OPS
from snncc.ops.arrays import Array

__all__ = ["UNITS", "Trial", "shape_only", "trial_feeds", "trials"]

_SAMPLES = (2, 3)
UNITS = (32, 8, 5, 1)  # sizes of open axes are multiples; networks that halve an image five times need at least this
_REPEATS = ("ConstantOfShape", "Expand", "Reshape", "Tile")  # the rest of their inputs is a shape


@dataclass(frozen=True)
class Trial:
    """One run: how many samples there were, and the values of the tensors by name."""

    samples: int
    values: Mapping[str, Array]


def trials(graph: Graph, names: Sequence[str]) -> list[Trial]:
    """Runs that differ in the size of every open axis; none if the network runs with none of the tried sizes.

    Of a network whose sizes are all fixed there is one.
    """
    try:
        session = cpu_session(graph.to_proto(), list(names))
    except ORT_ERRORS:
        return []
    for unit in UNITS:
        try:
            return [
                Trial(samples, dict(zip(names, session.run(None, feeds), strict=True)))
                for samples, feeds in trial_feeds(graph.inputs, unit)
            ]
        except ORT_ERRORS:
            continue
    return []


def trial_feeds(inputs: Sequence[Tensor], unit: int) -> Iterator[tuple[int, dict[str, Array]]]:
    """(Number of samples, zeros for all `inputs`) of each run; open axes have lengths that are multiples of `unit`."""
    shapes = {t.name: tuple(t.shape or ()) for t in inputs}
    fixed = next((s[0] for s in shapes.values() if s and isinstance(s[0], int)), None)
    axes = {_label(t, a, d) for t, s in shapes.items() for a, d in enumerate(s) if a and not isinstance(d, int)}
    alone = fixed is not None and not axes
    for run, samples in enumerate(_SAMPLES[:1] if alone else _SAMPLES):
        batch = samples if fixed is None else fixed
        sizes = {label: unit * (1 + place + run) for place, label in enumerate(sorted(axes))}
        sizes |= {s[0]: batch for s in shapes.values() if s and s[0] in sizes}  # an axis of all samples, too
        feeds = {}
        for tensor in inputs:
            shape = [
                d if isinstance(d, int) else sizes[_label(tensor.name, a, d)] if a else batch
                for a, d in enumerate(shapes[tensor.name])
            ]
            feeds[tensor.name] = np.zeros(shape, tensor.dtype)
        yield batch, feeds


def _label(name: str, axis: int, symbol: str | None) -> str:
    """A label shared by open axes of the same size."""
    return symbol or f"{name}:{axis}"


def shape_only(graph: Graph) -> dict[int, bool]:
    """The tensors, by id, that are computed from the shapes of others and from constants alone.

    True: their values do not depend on any shape, only how often they are repeated.
    """
    found: dict[int, bool] = {}
    for node in graph.nodes():
        computed = [t for t in node.inputs if t.name and graph.value(t) is None]
        if node.op in SHAPE_OPS:
            plain = False
        elif not computed or not all(id(t) in found for t in computed):
            continue
        elif node.op in _REPEATS:
            plain = node.op == "ConstantOfShape" or found.get(id(node.inputs[0]), True)
        else:
            plain = all(found[id(t)] for t in computed)
        found.update({id(t): plain for t in node.outputs if t.name})
    return found
