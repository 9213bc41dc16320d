# SPDX-License-Identifier: Apache-2.0
"""f(x) -> FSNeuron(x): Sigmoid, Tanh, SiLU, GELU and the like become few-spikes neurons with tables of their own.

SiLU and HardSwish are also recognised as exporters spell them out: x Sigmoid(x), x HardSigmoid(x).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from snncc.analysis.convertibility import leads_out
from snncc.coding import Coding
from snncc.ir.graph import Graph, Node, Tensor
from snncc.ir.op_sets import TAIL
from snncc.passes.base import NodePass, Skip

__all__ = ["LowerActivations", "activation_of"]

Found = tuple[str, Tensor, Node]  # the activation's name, its input, the node that computes it

# By op: the activation, and the attributes that it must have (ONNX's default, the value).
_PLAIN: dict[str, tuple[str, dict[str, tuple[float, float]]]] = {
    "Sigmoid": ("sigmoid", {}),
    "Tanh": ("tanh", {}),
    "HardSigmoid": ("hardsigmoid", {"alpha": (0.2, 0.2), "beta": (0.5, 0.5)}),
    "HardSwish": ("hardswish", {}),
    "Elu": ("elu", {"alpha": (1.0, 1.0)}),
    "Softplus": ("softplus", {}),
    "Mish": ("mish", {}),
    "Swish": ("swish", {"alpha": (1.0, 1.0)}),
}
_SIXTH = {"alpha": (0.2, 1 / 6), "beta": (0.5, 0.5)}


@dataclass(frozen=True)
class LowerActivations(NodePass):
    """f(x) -> FSNeuron(x); `extents` gives (lowest, highest) x, by the node that stands for f."""

    name: ClassVar[str] = "lower-activations"
    ops: ClassVar[tuple[str, ...]] = (*_PLAIN, "Gelu")
    coding: Coding
    extents: Mapping[str, tuple[float, float]] = field(repr=False)

    def match(self, graph: Graph, node: Node) -> Found | Skip:
        """The activation that `node` is, or is part of."""
        found = activation_of(graph, node)
        if found is None:
            return Skip("there are no tables for it")
        return found if node.name in self.extents else Skip("calibration has not seen its input")

    def rewrite(self, graph: Graph, node: Node, match: Found) -> None:
        """Put the neuron in the place of the whole activation."""
        kind, source, last = match
        read = list(last.inputs)
        spikes = self.coding.activation(graph, kind, source, self.extents[node.name], f"{node.name}_neuron")
        graph.set_role(spikes, "neuron")
        graph.bypass(last, spikes)
        graph.prune(read)


def activation_of(graph: Graph, node: Node) -> Found | None:
    """The activation that `node` is, or whose curve it is."""
    if node.op == "Gelu":
        kind = "gelu-tanh" if node.attrs.get("approximate", "none") == "tanh" else "gelu"
        return kind, node.inputs[0], node
    if node.op not in _PLAIN or (node.op in TAIL and leads_out(graph, node)):
        return None
    source, result = node.inputs[0], node.outputs[0]
    product = graph.sole_user(result)
    if product is not None and product.op == "Mul" and any(t is source for t in product.inputs):
        if node.op == "Sigmoid":
            return "swish", source, product
        if node.op == "HardSigmoid" and _has(node, _SIXTH):
            return "hardswish", source, product
    name, attributes = _PLAIN[node.op]
    return (name, source, node) if _has(node, attributes) else None


def _has(node: Node, attributes: Mapping[str, tuple[float, float]]) -> bool:
    return all(np.isclose(node.attrs.get(k, default), value) for k, (default, value) in attributes.items())
