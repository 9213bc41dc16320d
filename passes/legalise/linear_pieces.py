# SPDX-License-Identifier: Apache-2.0
"""Rewrite continuous piecewise linear activations as sums of ReLUs.

    HardSigmoid(x) -> Clip(α x + β, 0, 1)        Shrink(x) -> Relu(x - λ) - Relu(-x - λ), where bias and λ are the same
    Mul(x, HardSigmoid(x)) -> HardSwish(x) for α = 1/6, β = 1/2, which is no such sum: a product of activations

As a ReLU with an upper bound, HardSigmoid is exact up to the neuron's own resolution, for any α and β, and needs no
table.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from snncc.ir.graph import Graph, Node, Tensor
from snncc.passes.base import NodePass, Skip
from snncc.passes.shared.arithmetic import negated, shifted

__all__ = ["LinearPieces"]


@dataclass(frozen=True)
class LinearPieces(NodePass):
    """HardSigmoid and Shrink -> ReLUs, with an upper bound or as a pair."""

    name: ClassVar[str] = "linear-pieces"
    ops: ClassVar[tuple[str, ...]] = ("HardSigmoid", "Shrink")

    def match(self, graph: Graph, node: Node) -> Node | bool | Skip:
        """Whether it is rewritten, or the product that makes it a HardSwish; rejects discontinuous functions and
        integers.
        """
        kind = node.outputs[0].dtype
        if kind is None or np.dtype(kind).kind != "f":
            return Skip("it is no activation")
        if node.op == "Shrink":
            width = float(node.attrs.get("lambd", 0.5))
            return True if width >= 0 and node.attrs.get("bias", 0.0) == width else Skip("it jumps")
        alpha, beta = _slope(node)
        product = graph.sole_user(node.outputs[0])
        sixth = bool(np.isclose(alpha, 1 / 6) and np.isclose(beta, 0.5))
        if sixth and product is not None and product.op == "Mul" and any(t is node.inputs[0] for t in product.inputs):
            return product
        return True

    def rewrite(self, graph: Graph, node: Node, match: Node | bool) -> None:
        """Put the ReLUs in its place."""
        source, name = node.inputs[0], node.name
        if not isinstance(match, bool):
            graph.bypass(match, graph.add("HardSwish", [source], name=name))
            graph.cleanup()
        elif node.op == "Shrink":
            graph.bypass(node, _shrunk(graph, node))
        else:
            alpha, beta = (np.asarray(v, source.dtype) for v in _slope(node))
            steep = graph.add("Mul", [source, graph.constant(f"{name}_alpha", alpha)], name=f"{name}_steep")
            raised = shifted(graph, steep, graph.constant(f"{name}_beta", beta), f"{name}_raised")
            ends = [graph.constant(f"{name}_{end}", np.asarray(end, source.dtype)) for end in (0, 1)]
            graph.bypass(node, graph.add("Clip", [raised, *ends], name=name))


def _slope(node: Node) -> tuple[float, float]:
    return float(node.attrs.get("alpha", 0.2)), float(node.attrs.get("beta", 0.5))


def _shrunk(graph: Graph, node: Node) -> Tensor:
    """Relu(x - λ) - Relu(-x - λ)."""
    source, name = node.inputs[0], node.name
    minus = graph.constant(f"{name}_lambda", np.asarray(-float(node.attrs.get("lambd", 0.5)), source.dtype))
    above = graph.add("Relu", [shifted(graph, source, minus, f"{name}_over")], name=f"{name}_above")
    mirrored = negated(graph, source, f"{name}_mirrored")
    below = graph.add("Relu", [shifted(graph, mirrored, minus, f"{name}_under")], name=f"{name}_below")
    return shifted(graph, above, negated(graph, below, f"{name}_back"), f"{name}_sum")
