# SPDX-License-Identifier: Apache-2.0
"""neuron(k · synapse(x); λ) -> k · neuron(synapse(x); λ/k): fold a factor on a potential into the threshold.

A neuron computes in units of its scale λ, so that the result is the same in every coding. The factor k after it gives
the value of its spikes; weights on both sides are unchanged (one_spike.txt, Algorithm 1, line 4).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from snncc.ir.graph import Graph, Node
from snncc.ir.op_sets import SYNAPSES
from snncc.ops import DOMAIN, all_ops
from snncc.ops.arrays import Array
from snncc.passes.base import NodePass, Skip
from snncc.passes.shared.scaling import constant_factor, insert_factor

__all__ = ["FoldScalesIntoThresholds"]


@dataclass(frozen=True)
class FoldScalesIntoThresholds(NodePass):
    """Factors > 0 between synapse and neuron -> the neuron's scale, and one factor after it."""

    name: ClassVar[str] = "raise-thresholds"
    ops: ClassVar[tuple[str, ...]] = tuple(op.name for op in all_ops() if op.neuron)

    def match(self, graph: Graph, node: Node) -> list[Node] | Skip | None:
        """The synapse and the nodes from it to the neuron, at least one of them a factor."""
        if node.domain != DOMAIN or graph.value(node.inputs[1]) is None:
            return None
        between: list[Node] = []
        current = node
        while (maker := graph.producer(current.inputs[0])) is not None and not _is_current(graph, maker):
            factor = constant_factor(graph, maker)
            bounded = maker.op == "Min" and len(maker.inputs) == 2 and graph.value(maker.inputs[1]) is not None
            if factor is not None and not _is_scale(factor[1]):
                return Skip(f"'{maker.name}' is no positive factor, one for all or one per channel")
            if not (factor is not None or bounded or maker.op == "Tile"):
                return None
            if graph.sole_user(maker.outputs[0]) is not current:
                return Skip(f"'{maker.outputs[0].name}' has other users")
            between.insert(0, maker)
            current = maker
        return between if maker is not None and any(n.op == "Mul" for n in between) else None

    def rewrite(self, graph: Graph, node: Node, match: list[Node]) -> None:
        """Remove the factors, and divide the upper bounds after them and the neuron's scale by them."""
        product: Array = np.ones(1)
        for maker in match:
            found = constant_factor(graph, maker)
            if found is not None:
                product = product * found[1]
                graph.bypass(maker, found[0])
            elif maker.op == "Min":
                maker.inputs[1] = _divided(graph, maker.inputs[1], product)
        factor = product[0] if product.ndim > 1 else product
        node.inputs[1] = _divided(graph, node.inputs[1], factor, np.float32)
        spikes = node.outputs[0]
        worth = insert_factor(graph, spikes, product, f"{node.name}_worth")
        graph.replace_uses(spikes, worth, keep=[graph.producer(worth)])


def _is_current(graph: Graph, node: Node) -> bool:
    """Whether `node` is a synapse, or adds the bias of one."""
    return node.op in SYNAPSES or (node.op == "Add" and any(graph.value(t) is not None for t in node.inputs))


def _is_scale(factor: Array) -> bool:
    return bool((factor > 0).all()) and sum(d > 1 for d in factor.shape) <= 1


def _divided(graph: Graph, constant: Any, by: Array, dtype: Any = None) -> Any:
    value = graph.value(constant)
    assert value is not None
    return graph.constant(constant.name, np.asarray(value.astype(np.float64) / by, dtype or value.dtype))
