# SPDX-License-Identifier: Apache-2.0
"""Replace constants that are expanded to the batch size by constants that broadcast.

    Concat(x, Expand(c, [N, …])) -> Add(Pad(x), c in its place)          Add(x, Expand(c, [N, …])) -> Add(x, c)

A constant next to activations, such as coordinates, then becomes an ordinary bias.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from snncc.analysis.trial import Trial, shape_only, trials
from snncc.ir.graph import Graph, Node, Tensor
from snncc.ops.arrays import Array
from snncc.passes.base import Pass
from snncc.passes.shared.arithmetic import shifted
from snncc.passes.shared.scale_propagation import squeezed

__all__ = ["FoldExpandedConstants"]

Found = dict[int, Array]  # by input: the constant, its first axis of length 1

log = logging.getLogger("snncc.passes")


@dataclass(frozen=True)
class FoldExpandedConstants(Pass):
    """op(x, constant for each sample) -> op(x, constant); of Concat -> Add(Pad(x), constant)."""

    name: ClassVar[str] = "place-constants"
    ops: ClassVar[tuple[str, ...]] = ("Add", "Sub", "Mul", "Div", "Concat")

    def run(self, graph: Graph) -> int:
        """Rewrite every node whose output shape is determined by its other inputs."""
        repeats = shape_only(graph)
        nodes = [n for n in graph.nodes(*self.ops) if _mixed(graph, n, repeats)]
        asked = [n for n in nodes if any(repeats.get(id(t)) for t in n.inputs)]
        tensors = {t.name for n in asked for t in (*n.inputs, n.outputs[0]) if graph.value(t) is None}
        runs = trials(graph, sorted(tensors)) if asked else []
        done = 0
        for node in nodes:
            found = _constants(graph, node, repeats, runs)
            if not found:
                continue
            if node.op != "Concat":
                done += _put_in(graph, node, found, runs)
            elif _sizes_are_known(graph, node):
                _put_in_place(graph, node, found)
                done += 1
            else:
                log.debug("%s: skip %s: the sizes of its inputs are not known", self.name, node.name)
        return done


def _mixed(graph: Graph, node: Node, repeats: dict[int, bool]) -> bool:
    """Whether `node` combines constants, or tensors computed from shapes alone, with activations."""
    kind = node.outputs[0].dtype
    if kind is None or np.dtype(kind).kind != "f":
        return False
    computed = [t for t in node.inputs if graph.value(t) is None]
    driven = [t for t in computed if id(t) not in repeats]
    return bool(driven) and len(driven) < (len(node.inputs) if node.op == "Concat" else len(computed))


def _constants(graph: Graph, node: Node, repeats: dict[int, bool], runs: Sequence[Trial]) -> Found:
    """The per-sample constants among the inputs; for a Concat also plain constants with one row."""
    found = {}
    for index, tensor in enumerate(node.inputs):
        value = graph.value(tensor)
        if value is not None:
            constant = value if node.op == "Concat" else None
        else:
            constant = _row(tensor, runs) if repeats.get(id(tensor)) else None
        if constant is not None and (node.op != "Concat" or constant.shape[:1] == (1,)):
            found[index] = constant
    return found


def _row(tensor: Tensor, runs: Sequence[Trial]) -> Array | None:
    """The repeated part of `tensor`, of size 1 where it does not vary; None if it is not a repetition in every run."""
    rows = [squeezed(run.values[tensor.name]) for run in runs]
    return rows[0] if rows and all(np.array_equal(rows[0], row) for row in rows) else None


def _put_in(graph: Graph, node: Node, found: Found, runs: Sequence[Trial]) -> bool:
    """Replace repetitions by constants, if the other inputs determine the shape of the result."""
    for run in runs:
        shapes = [
            found[i].shape if i in found else run.values[t.name].shape if graph.value(t) is None else t.shape
            for i, t in enumerate(node.inputs)
        ]
        if np.broadcast_shapes(*map(tuple, shapes)) != run.values[node.outputs[0].name].shape:
            log.debug(
                "%s: skip %s: the rows of its result are those of a constant", FoldExpandedConstants.name, node.name
            )
            return False
    node.inputs = [
        graph.constant(f"{node.name}_constant", found[i]) if i in found else t for i, t in enumerate(node.inputs)
    ]
    return True


def _sizes_are_known(graph: Graph, node: Node) -> bool:
    """Whether all sizes of a Concat's inputs except the batch are known, and the Concat is not along the batch."""
    shapes = [graph.shape(t) or (None, None) for t in node.inputs]
    along = node.attrs["axis"] % len(shapes[0])
    return bool(along) and all(isinstance(d, int) for s in shapes for d in s[1:])


def _put_in_place(graph: Graph, node: Node, found: Found) -> None:
    """Concat(x, c) -> Add(Pad(x), c in its place)."""
    axis = node.attrs["axis"] % len(graph.shape(node.inputs[0]) or ())
    sizes = [graph.sizes(t)[axis - 1] for t in node.inputs]
    shape = [1, *graph.sizes(node.inputs[0])]
    shape[axis] = sum(sizes)
    constant = np.zeros(shape, node.inputs[0].dtype)
    total: Tensor | None = None
    for index, tensor in enumerate(list(node.inputs)):
        start = sum(sizes[:index])
        if index in found:
            constant[(*(slice(None),) * axis, slice(start, start + sizes[index]))] = found[index]
            continue
        placed = _padded(graph, tensor, axis, start, sum(sizes[index + 1 :]), node.name)
        total = placed if total is None else shifted(graph, total, placed, f"{node.name}_sum")
    assert total is not None
    result = shifted(graph, total, graph.constant(f"{node.name}_constant", constant), f"{node.name}_placed")
    result.shape = node.outputs[0].shape
    graph.bypass(node, result)


def _padded(graph: Graph, tensor: Tensor, axis: int, before: int, after: int, name: str) -> Tensor:
    widths = np.array([before, after], np.int64)
    axes = np.array([axis], np.int64)
    zero = np.asarray(0, tensor.dtype)
    constants = [graph.constant(f"{name}_{k}", v) for k, v in (("widths", widths), ("fill", zero), ("axes", axes))]
    return graph.add("Pad", [tensor, *constants], name=f"{name}_place")
