# SPDX-License-Identifier: Apache-2.0
"""Builder for the expansion of one node: new nodes and constants, with unused names."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper

from snncc.ir.nodes import all_nodes
from snncc.ops.arrays import Array
from snncc.storage.mapped import array_of

__all__ = ["Lines", "Names", "NoSpelling"]


class NoSpelling(Exception):  # noqa: N818
    """The reason why this node has no expansion."""


class Names:
    """The names of a graph's tensors and nodes, and the known properties of its tensors."""

    def __init__(self, graph: onnx.GraphProto, outer: Names | None = None) -> None:
        self._taken: set[str] = set(outer._taken) if outer else set()
        self._taken |= {name for n in graph.node for name in (n.name, *n.input, *n.output)}
        self._taken |= {v.name for v in (*graph.initializer, *graph.input, *graph.output)}
        self.read: set[str] = set(outer.read) if outer else set()
        self.read |= {i for n in all_nodes(graph) for i in n.input} | {v.name for v in graph.output}
        self._values: dict[str, onnx.TensorProto] = dict(outer._values) if outer else {}
        self._values |= {n.output[0]: n.attribute[0].t for n in graph.node if n.op_type == "Constant" and n.attribute}
        self._values |= {t.name: t for t in graph.initializer}
        self._types: dict[str, onnx.TypeProto.Tensor] = dict(outer._types) if outer else {}
        typed = [v for v in (*graph.value_info, *graph.output, *graph.input) if v.type.HasField("tensor_type")]
        self._types |= {v.name: v.type.tensor_type for v in typed}
        # Infers the shapes of what is expanded so far.
        self.learn: Callable[[], Iterable[onnx.ValueInfoProto]] = lambda: ()
        kinds = (v.type.tensor_type.elem_type for v in graph.input)
        self._usual: int = outer._usual if outer else next((k for k in kinds if _is_real(k)), onnx.TensorProto.FLOAT)

    def fresh(self, name: str) -> str:
        """An unused name similar to `name`."""
        found, number = name, 0
        while found in self._taken:
            number += 1
            found = f"{name}_{number}"
        self._taken.add(found)
        return found

    def value(self, tensor: str) -> Array | None:
        """The value of a constant."""
        return array_of(self._values[tensor]) if tensor in self._values else None

    def rank(self, tensor: str) -> int | None:
        """The number of axes of a tensor, if known."""
        if tensor in self._values:
            return len(self._values[tensor].dims)
        kind = self._type_of(tensor)
        return len(kind.shape.dim) if kind is not None and kind.HasField("shape") else None

    def size(self, tensor: str, axis: int) -> int | None:
        """The length of an axis, if known."""
        kind = self._type_of(tensor)
        dims = kind.shape.dim if kind is not None else ()
        known = len(dims) > axis and dims[axis].HasField("dim_value")
        return int(dims[axis].dim_value) if known else None

    def _type_of(self, tensor: str) -> onnx.TypeProto.Tensor | None:
        known = self._types.get(tensor)
        if known is None or not known.HasField("shape"):
            self._types |= {v.name: v.type.tensor_type for v in self.learn() if v.type.HasField("tensor_type")}
        return self._types.get(tensor)

    def kind(self, tensors: Sequence[str]) -> np.dtype[Any]:
        """The floating-point type of these tensors, if known, else that of the network's input."""
        stored = (self._values[t].data_type for t in tensors if t in self._values)
        typed = (self._types[t].elem_type for t in tensors if t in self._types)
        found = next((k for k in (*stored, *typed) if _is_real(k)), self._usual)
        return np.dtype(helper.tensor_dtype_to_np_dtype(found))


class Lines:
    """The expansion of `node`."""

    def __init__(self, node: onnx.NodeProto, names: Names) -> None:
        self.node = node
        self.names = names
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []
        self.kind = names.kind([*node.input, *node.output])
        self.attributes = {a.name: helper.get_attribute_value(a) for a in node.attribute}

    @property
    def number(self) -> int:
        """ONNX's number of the node's floating-point type."""
        return int(helper.np_dtype_to_tensor_dtype(self.kind))

    def input(self, index: int) -> str:
        """The name of an input, '' if it is omitted."""
        return self.node.input[index] if index < len(self.node.input) else ""

    def output(self, index: int) -> str:
        """The name of an output, '' if it has no users."""
        name = self.node.output[index] if index < len(self.node.output) else ""
        return name if name in self.names.read else ""

    def text(self, attribute: str, default: str = "") -> str:
        """A string attribute."""
        given = self.attributes.get(attribute, default)
        return given.decode() if isinstance(given, bytes) else str(given)

    def add(self, op: str, inputs: Sequence[str], output: str = "", **attributes: Any) -> str:
        """Add a node; returns its first output, which is called `output` if that is given."""
        given = list(inputs)
        while given and not given[-1]:
            given.pop()
        base = self.node.name or self.node.output[0]
        name = self.names.fresh(f"{base}/{op}")
        result = output or self.names.fresh(f"{base}/{op}_out")
        self.nodes.append(helper.make_node(op, given, [result], name=name, **attributes))
        return result

    def constant(self, value: Any, kind: Any = None) -> str:
        """A constant of the node's own floating-point type, or of another `kind`."""
        name = self.names.fresh(f"{self.node.name or self.node.output[0]}/constant")
        self.constants.append(numpy_helper.from_array(np.array(value, kind or self.kind), name))
        return name

    def ints(self, *values: int) -> str:
        """A constant list of int64 values."""
        return self.constant(list(values), np.int64)

    def sum(self, *tensors: str) -> str:
        """The sum of the given tensors."""
        given = [t for t in tensors if t]
        total = given[0]
        for tensor in given[1:]:
            total = self.add("Add", [total, tensor])
        return total

    def give(self, tensor: str, index: int = 0) -> None:
        """Make `tensor` an output of the node, if that output has users."""
        if self.output(index):
            self.add("Identity", [tensor], self.output(index))


def _is_real(kind: int) -> bool:
    return kind in (onnx.TensorProto.FLOAT, onnx.TensorProto.FLOAT16, onnx.TensorProto.DOUBLE)
