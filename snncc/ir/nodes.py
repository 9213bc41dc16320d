# SPDX-License-Identifier: Apache-2.0
"""Helpers for nodes of both graphs and models."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import onnx
from onnx import helper

from snncc.ir.op_sets import RECURRENT
from snncc.ops import DOMAIN, all_ops

if TYPE_CHECKING:
    from snncc.ir.graph import Node

__all__ = ["all_graphs", "all_nodes", "attributes_of", "is_neuron", "is_recurrent", "label", "opset_of"]


def all_graphs(graph: onnx.GraphProto) -> Iterator[onnx.GraphProto]:
    """`graph` and the graphs inside it."""
    yield graph
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.HasField("g"):
                yield from all_graphs(attribute.g)


def all_nodes(graph: onnx.GraphProto) -> Iterator[onnx.NodeProto]:
    """The nodes of `graph` and of the graphs inside them."""
    for node in graph.node:
        yield node
        for attribute in node.attribute:
            if attribute.HasField("g"):
                yield from all_nodes(attribute.g)


def is_recurrent(node: onnx.NodeProto) -> bool:
    """Whether `node` is a recurrent layer."""
    return node.op_type in RECURRENT or node.op_type == "Scan"


def is_neuron(node: onnx.NodeProto | Node) -> bool:
    """Whether `node` is a neuron of `ai.snncc`."""
    name = node.op_type if isinstance(node, onnx.NodeProto) else node.op
    return bool(node.domain == DOMAIN and all(op.neuron for op in all_ops() if op.name == name))


def opset_of(model: onnx.ModelProto) -> int:
    """The version of the standard ops of `model`; if it states none, the latest that onnx knows."""
    return next((o.version for o in model.opset_import if o.domain in ("", "ai.onnx")), onnx.defs.onnx_opset_version())


def label(node: onnx.NodeProto) -> str:
    """The name of `node` in messages and reports."""
    return node.name or node.output[0]


def attributes_of(node: onnx.NodeProto) -> dict[str, Any]:
    """The attributes of `node` as Python values."""
    return {a.name: helper.get_attribute_value(a) for a in node.attribute}
