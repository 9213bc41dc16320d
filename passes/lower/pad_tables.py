# SPDX-License-Identifier: Apache-2.0
"""Pad the tables of neurons with per-layer time steps to one length, so that neurons of an op share one body.

    thresholds (1, .5), levels (1, .6)  ->  thresholds (1, .5, .5), levels (1, .6, .6)

The added steps are idle: a one-spike neuron that reaches the last threshold has already fired, and no potential reaches
the padding thresholds of a few-spikes neuron.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import ClassVar

from snncc.errors import PostconditionError
from snncc.ir.graph import Graph, Node
from snncc.ops import get
from snncc.passes.base import Pass

__all__ = ["PadTables"]

_TABLES = ("levels", "thresholds", "last_thresholds", "fine_levels", "fine_thresholds", "resets", "values")


@dataclass(frozen=True)
class PadTables(Pass):
    """Pad tables to the length of the longest tables of the same op."""

    name: ClassVar[str] = "even-tables"

    def run(self, graph: Graph) -> int:
        """Pad shorter tables."""
        changed = 0
        for same in _by_op(graph).values():
            longest = max(map(_length, same))
            for node in same:
                idle = get(node.op).table_padding
                missing = longest - _length(node)
                for table in set(_TABLES).intersection(node.attrs):
                    values = list(node.attrs[table])
                    node.attrs[table] = values + [idle.get(table, values[-1])] * missing
                changed += missing > 0
        return changed

    def ensures(self, graph: Graph) -> None:
        """All neurons of an op have tables of the same length."""
        for op, same in _by_op(graph).items():
            if len({_length(node) for node in same}) > 1:
                raise PostconditionError(f"neurons of op {op} have tables of different lengths")


def _by_op(graph: Graph) -> dict[str, list[Node]]:
    found = defaultdict(list)
    for node in graph.nodes():
        if "thresholds" in node.attrs:
            found[node.op].append(node)
    return found


def _length(node: Node) -> int:
    return len(node.attrs["thresholds"])
