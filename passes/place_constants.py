# SPDX-License-Identifier: Apache-2.0
"""Constants that are repeated for each sample are added instead, whatever the number of rows.

    Concat(x, Expand(c, [N, …])) -> Add(Pad(x), c in its place)          Add(x, Expand(c, [N, …])) -> Add(x, c)

So a constant next to activations, of coordinates say, is a bias like any other.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from snncc.graph import Graph, Node, Tensor
from snncc.passes.base import NodePass, Skip
from snncc.passes.simplify_arithmetic import shifted

__all__ = ["PlaceConstants"]

Array = npt.NDArray[Any]
Found = dict[int, Array]  # by input: the constant, its first axis of length 1


@dataclass(frozen=True)
class PlaceConstants(NodePass):
    """op(x, constant for each sample) -> op(x, constant); of Concat -> Add(Pad(x), constant)."""

    name: ClassVar[str] = "place-constants"
    ops: ClassVar[tuple[str, ...]] = ("Add", "Sub", "Mul", "Div", "Concat")

    def match(self, graph: Graph, node: Node) -> Found | Skip | None:
        """The constants among the inputs; of a Concat all axes but the batch must be known."""
        found = {i: c for i, t in enumerate(node.inputs) if (c := _for_each_sample(graph, t, node.op)) is not None}
        kind = node.outputs[0].dtype
        if not found or kind is None or np.dtype(kind).kind != "f" or len(found) == len(node.inputs):
            return None
        if node.op != "Concat":
            return found
        shapes = [graph.shape(t) or (None, None) for t in node.inputs]
        axis = node.attrs["axis"] % len(shapes[0])
        if axis == 0 or not all(isinstance(d, int) for s in shapes for d in s[1:]):
            return Skip("the sizes of its inputs are not known")
        return found

    def rewrite(self, graph: Graph, node: Node, match: Found) -> None:
        """Put the constants in, or the sum in the place of a Concat."""
        if node.op != "Concat":
            node.inputs = [
                graph.constant(f"{node.name}_constant", match[i]) if i in match else t
                for i, t in enumerate(node.inputs)
            ]
            return
        axis = node.attrs["axis"] % len(graph.shape(node.inputs[0]) or ())
        sizes = [graph.sizes(t)[axis - 1] for t in node.inputs]
        shape = [1, *graph.sizes(node.inputs[0])]
        shape[axis] = sum(sizes)
        constant = np.zeros(shape, node.inputs[0].dtype)
        total: Tensor | None = None
        for index, tensor in enumerate(list(node.inputs)):
            start = sum(sizes[:index])
            if index in match:
                constant[(*(slice(None),) * axis, slice(start, start + sizes[index]))] = match[index]
                continue
            placed = _padded(graph, tensor, axis, start, sum(sizes[index + 1 :]), node.name)
            total = placed if total is None else shifted(graph, total, placed, f"{node.name}_sum")
        assert total is not None
        result = shifted(graph, total, graph.constant(f"{node.name}_constant", constant), f"{node.name}_placed")
        result.shape = node.outputs[0].shape
        graph.bypass(node, result)


def _for_each_sample(graph: Graph, tensor: Tensor, op: str) -> Array | None:
    """The constant that `tensor` repeats for each sample, [1, …]; for a Concat a plain one will do."""
    value, node, shape = graph.value(tensor), graph.producer(tensor), graph.shape(tensor)
    if value is not None:
        return value if op == "Concat" and value.shape[:1] == (1,) else None
    if node is None or not shape or not all(isinstance(d, int) for d in shape[1:]):
        return None
    if node.op == "Expand":
        value = graph.value(node.inputs[0])
    elif node.op == "ConstantOfShape":
        given = node.attrs.get("value")
        value = np.zeros(1, np.float32) if given is None else np.asarray(given.values)
    if value is None or (value.ndim == len(shape) and value.shape[0] != 1):
        return None
    return np.broadcast_to(value, [1, *graph.sizes(tensor)])


def _padded(graph: Graph, tensor: Tensor, axis: int, before: int, after: int, name: str) -> Tensor:
    widths = np.array([before, after], np.int64)
    axes = np.array([axis], np.int64)
    zero = np.asarray(0, tensor.dtype)
    constants = [graph.constant(f"{name}_{k}", v) for k, v in (("widths", widths), ("fill", zero), ("axes", axes))]
    return graph.add("Pad", [tensor, *constants], name=f"{name}_place")
