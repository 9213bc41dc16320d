# SPDX-License-Identifier: Apache-2.0
"""x (1 + Erf(x / sqrt 2)) / 2 -> Gelu(x), for any order of the factors.

Exporters of older opsets write GELU in this form; other passes would fold its constants into adjacent weights.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from snncc.ir.graph import Graph, Node, Tensor
from snncc.passes.base import NodePass, Skip

__all__ = ["FuseGelu"]


@dataclass(frozen=True)
class FuseGelu(NodePass):
    """x (1 + Erf(x / sqrt 2)) / 2 -> Gelu(x)."""

    name: ClassVar[str] = "fuse-gelu"
    ops: ClassVar[tuple[str, ...]] = ("Erf",)

    def match(self, graph: Graph, node: Node) -> tuple[Tensor, Node] | Skip:
        """x, and the node that computes the result."""
        return _gelu(graph, node) or Skip("it is no part of a GELU")

    def rewrite(self, graph: Graph, node: Node, match: tuple[Tensor, Node]) -> None:
        """Replace all nodes by one op."""
        source, last = match
        read = list(last.inputs)
        graph.bypass(last, graph.add("Gelu", [source], name=f"{node.name}_gelu"))
        graph.prune(read)


def _gelu(graph: Graph, erf: Node) -> tuple[Tensor, Node] | None:
    inner = graph.producer(erf.inputs[0])
    source = _scaled(graph, inner, 1 / np.sqrt(2)) if inner is not None else None
    raised = graph.sole_user(erf.outputs[0])
    if source is None or raised is None or raised.op != "Add" or not _constant_beside(graph, raised, 1.0):
        return None
    half, with_source, node = False, False, raised
    while not (half and with_source):
        user = graph.sole_user(node.outputs[0])
        if user is None or user.op not in ("Mul", "Div"):
            return None
        other = next((t for t in user.inputs if t is not node.outputs[0]), None)
        value = graph.value(other) if other is not None else None
        if value is not None and np.allclose(value, 0.5 if user.op == "Mul" else 2.0):
            half = True
        elif user.op == "Mul" and other is source:
            with_source = True
        elif user.op == "Mul" and other is not None and _is_half(graph, other, source):
            half = with_source = True
        else:
            return None
        node = user
    return source, node


def _is_half(graph: Graph, tensor: Tensor, source: Tensor) -> bool:
    producer = graph.producer(tensor)
    return producer is not None and _scaled(graph, producer, 0.5) is source


def _scaled(graph: Graph, node: Node, factor: float) -> Tensor | None:
    """x if `node` is factor * x."""
    if node.op not in ("Mul", "Div"):
        return None
    for source, other in (node.inputs, reversed(node.inputs)) if node.op == "Mul" else (node.inputs,):
        value = graph.value(other)
        if value is not None and np.allclose(value, factor if node.op == "Mul" else 1 / factor, rtol=1e-4):
            return source
    return None


def _constant_beside(graph: Graph, node: Node, wanted: float) -> bool:
    values = [graph.value(t) for t in node.inputs]
    return any(v is not None and np.allclose(v, wanted) for v in values)
