# SPDX-License-Identifier: Apache-2.0
"""Rewrite all linear arithmetic as binary Add and Mul by a constant.

Neg(x) -> Mul(x, -1); Sub(x, y) -> Add(x, -y); Div(x, c) -> Mul(x, 1/c); Sum(x, y, z) -> Add(Add(x, y), z);
Mean(x, y) -> Mul(Add(x, y), 1/2).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from typing import ClassVar

import numpy as np

from snncc.ir.graph import Graph, Node, Tensor
from snncc.passes.base import NodePass, Skip
from snncc.passes.shared.arithmetic import negated, shifted

__all__ = ["SimplifyArithmetic"]


@dataclass(frozen=True)
class SimplifyArithmetic(NodePass):
    """Neg, Sub, Div by a constant without zeros, Sum and Mean -> Add and Mul."""

    name: ClassVar[str] = "simplify-arithmetic"
    ops: ClassVar[tuple[str, ...]] = ("Sum", "Mean", "Neg", "Sub", "Div")

    def match(self, graph: Graph, node: Node) -> bool | Skip:
        """Reject integers, constants, and divisors that are computed or contain 0."""
        kind = node.inputs[0].dtype
        if kind is None or np.dtype(kind).kind != "f":
            return Skip("it is no arithmetic of activations")
        if all(graph.value(t) is not None for t in node.inputs):
            return Skip("it gives a constant")
        if node.op == "Div":
            divisor = graph.value(node.inputs[1])
            if divisor is None or not divisor.all():
                return Skip("its divisor is not a constant without zeros")
        if node.op in ("Sum", "Mean") and len(node.inputs) == 1 and graph.is_output(node.outputs[0]):
            return Skip("it gives a graph output its name") if node.op == "Sum" else True
        return True

    def rewrite(self, graph: Graph, node: Node, _match: bool) -> None:
        """Replace it by its canonical form."""
        inputs, name = list(node.inputs), node.name
        match node.op:
            case "Neg":
                result = negated(graph, inputs[0], name)
            case "Sub":
                result = shifted(graph, inputs[0], negated(graph, inputs[1], f"{name}_minus"), name)
            case "Div":
                divisor = graph.value(inputs[1])
                assert divisor is not None
                inverse = np.asarray(1 / divisor.astype(np.float64), divisor.dtype)
                factor = graph.constant(f"{inputs[1].name}_inverse", inverse)
                result = graph.add("Mul", [inputs[0], factor], name=name)
            case _:
                result = _total(graph, inputs, name)
        if node.op == "Mean":
            share = graph.constant(f"{name}_share", np.asarray(1 / len(inputs), inputs[0].dtype))
            result = graph.add("Mul", [result, share], name=f"{name}_mean")
        result.shape = node.outputs[0].shape
        graph.bypass(node, result)


def _total(graph: Graph, inputs: Sequence[Tensor], name: str) -> Tensor:
    return reduce(lambda total, each: shifted(graph, total, each, name), inputs)
