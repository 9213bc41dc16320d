# SPDX-License-Identifier: Apache-2.0
"""Split(x) -> a Slice for each used part; Tile(x) -> Concat(x, x, …): shape-only ops that later passes support."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from snncc.ir.graph import Graph, Node, Tensor
from snncc.passes.base import NodePass, Skip

__all__ = ["SplitToSlices", "TileToConcat"]

_MOST = 256  # copies that a Tile may ask for


@dataclass(frozen=True)
class SplitToSlices(NodePass):
    """Split(x) -> Slice(x), Slice(x), …"""

    name: ClassVar[str] = "slice-splits"
    ops: ClassVar[tuple[str, ...]] = ("Split",)

    def match(self, graph: Graph, node: Node) -> list[int] | Skip:
        """The borders of the parts along the axis."""
        shape, count = graph.shape(node.inputs[0]), len(node.outputs)
        given = graph.value(node.inputs[1]) if len(node.inputs) > 1 and node.inputs[1].name else None
        if given is not None:
            return [0, *np.cumsum(given).tolist()]
        size = shape[node.attrs.get("axis", 0)] if shape else None
        if not isinstance(size, int) or (len(node.inputs) > 1 and node.inputs[1].name):
            return Skip("the length of its parts is not known")
        part = -(-size // count)
        return [min(i * part, size) for i in range(count + 1)]

    def rewrite(self, graph: Graph, node: Node, match: list[int]) -> None:
        """Put a Slice in the place of each part."""
        axis = node.attrs.get("axis", 0)
        for index, part in enumerate(list(node.outputs)):
            if not graph.users(part) and not graph.is_output(part):
                continue
            bounds = [match[index], match[index + 1], axis]
            values = [graph.constant(f"{node.name}_{index}_bound", np.array([v], np.int64)) for v in bounds]
            result = graph.add("Slice", [node.inputs[0], *values], name=f"{node.name}_{index}")
            result.shape = part.shape
            graph.replace_uses(part, result)
        graph.erase(node)


@dataclass(frozen=True)
class TileToConcat(NodePass):
    """Tile(x) -> Concat(x, x, …), axis by axis."""

    name: ClassVar[str] = "join-tiles"
    ops: ClassVar[tuple[str, ...]] = ("Tile",)

    def match(self, graph: Graph, node: Node) -> Any | Skip:
        """How often each axis is repeated."""
        repeats = graph.value(node.inputs[1])
        if repeats is None or (repeats < 1).any() or repeats.max(initial=1) > _MOST:
            return Skip("its repeats are computed, or too many")
        if graph.value(node.inputs[0]) is not None or repeats.prod() == 1 or repeats[0] != 1:
            return Skip("it repeats the samples, or nothing")
        return repeats

    def rewrite(self, graph: Graph, node: Node, match: Any) -> None:
        """Put a Concat for each repeated axis in its place."""
        result: Tensor = node.inputs[0]
        for axis, count in enumerate(match.tolist()):
            if count > 1:
                result = graph.add("Concat", [result] * count, name=node.name, attrs={"axis": axis})
        result.shape = node.outputs[0].shape
        graph.bypass(node, result)
