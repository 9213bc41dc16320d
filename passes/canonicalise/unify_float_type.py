# SPDX-License-Identifier: Apache-2.0
"""Remove casts between floating-point types: the network computes in the type of its first real input.

Converters to half precision keep an input, an output and some ops in float32, while a spiking network has a single type
for its spikes. An output of another type is cast at the end of the network.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from onnx import helper

from snncc.ir.graph import Graph, Node, Tensor
from snncc.ir.op_sets import CASTS, CONTROL_FLOW
from snncc.ops.arrays import Array
from snncc.passes.base import Pass

__all__ = ["UnifyFloatType", "in_type"]


@dataclass(frozen=True)
class UnifyFloatType(Pass):
    """Cast(x) -> x, and constants of the same type, where a network mixes floating-point types."""

    name: ClassVar[str] = "one-float-type"

    def run(self, graph: Graph) -> int:
        """Take out the casts, if every real input has the same type."""
        inputs = {np.dtype(t.dtype) for t in graph.inputs if _is_real(t)}
        casts = [n for n in graph.nodes(*CASTS) if _is_real(n.inputs[0]) and _is_real(n.outputs[0])]
        casts = [n for n in casts if n.inputs[0].dtype != n.outputs[0].dtype]
        if len(inputs) != 1 or not casts or graph.nodes(*CONTROL_FLOW):  # bodies of control flow have separate types
            return 0
        for node in casts:
            graph.bypass(node, node.inputs[0])
        in_type(graph, inputs.pop())
        return len(casts)


def in_type(graph: Graph, kind: np.dtype[Any]) -> None:
    """Convert constants, and tensors computed from integers, to type `kind`; outputs of another type are cast at the
    end.
    """
    for node in graph.nodes():
        node.inputs = [_constant_of(graph, t, kind) for t in node.inputs]
        if node.op == "Cast" and _is_real(node.outputs[0]):  # of integers
            node.attrs["to"] = helper.np_dtype_to_tensor_dtype(kind)
        if node.op == "ConstantOfShape" and _is_real(node.outputs[0]):
            node.attrs["value"] = graph.constant(f"{node.name}_value", _filling(node).astype(kind))
    for tensor in graph.outputs:
        if _is_real(tensor) and np.dtype(tensor.dtype) != kind:
            _cast_back(graph, tensor, kind)


def _is_real(tensor: Tensor) -> bool:
    return tensor.dtype is not None and bool(np.dtype(tensor.dtype).kind == "f")


def _filling(node: Node) -> Array:
    given = node.attrs.get("value")
    return np.zeros(1, np.float32) if given is None else np.asarray(given.values)


def _constant_of(graph: Graph, tensor: Tensor, kind: np.dtype[Any]) -> Tensor:
    value = graph.value(tensor)
    if value is None or value.dtype.kind != "f" or value.dtype == kind:
        return tensor
    return graph.constant(tensor.name, value.astype(kind))


def _cast_back(graph: Graph, output: Tensor, kind: np.dtype[Any]) -> None:
    """Cast the output, computed as `kind`, to its declared type."""
    wanted, output.dtype = output.dtype, kind
    to = helper.np_dtype_to_tensor_dtype(np.dtype(wanted))
    users = graph.users(output)
    cast = graph.add("Cast", [output], name=f"{output.name}_type", attrs={"to": to})
    graph.replace_uses(output, cast, keep=[graph.producer(cast), *users])
    cast.dtype = wanted
