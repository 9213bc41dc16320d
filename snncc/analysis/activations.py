# SPDX-License-Identifier: Apache-2.0
"""Recognise activations that neuron tables approximate, as one node or as the subgraph that exporters write."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from snncc.analysis.convertibility import feeds_outputs_only
from snncc.ir.graph import Graph, Node, Tensor
from snncc.ir.op_sets import TAIL

__all__ = ["ACTIVATIONS", "Found", "match_activation"]


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

ACTIVATIONS = (*_PLAIN, "Gelu")  # the ops of all
_SIXTH = {"alpha": (0.2, 1 / 6), "beta": (0.5, 0.5)}


def match_activation(graph: Graph, node: Node) -> Found | None:
    """The activation that `node` computes, as one op or as the last of a subgraph."""
    if node.op == "Gelu":
        kind = "gelu-tanh" if node.attrs.get("approximate", "none") == "tanh" else "gelu"
        return kind, node.inputs[0], node
    if node.op not in _PLAIN or (node.op in TAIL and feeds_outputs_only(graph, node)):
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
