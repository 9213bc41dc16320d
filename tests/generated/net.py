# SPDX-License-Identifier: Apache-2.0
"""A network that grows node by node as Hypothesis draws it."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper

__all__ = ["Net"]


class Net:
    """From x [N, width] on, in one floating-point type."""

    def __init__(self, rng: np.random.Generator, kind: Any = np.float32, width: int = 10) -> None:
        self.rng, self.kind, self.width = rng, np.dtype(kind), width
        self._nodes: list[onnx.NodeProto] = []
        self._constants: list[onnx.TensorProto] = []
        self._names = 0

    @property
    def element(self) -> int:
        """The type's number in ONNX."""
        return helper.np_dtype_to_tensor_dtype(self.kind)

    def constant(self, value: Any, kind: Any = None) -> str:
        """A constant, of the network's type by default."""
        with np.errstate(over="ignore"):
            array = np.asarray(value, self.kind if kind is None else kind)
        self._constants.append(numpy_helper.from_array(array, self._name()))
        return self._constants[-1].name

    def add(self, op: str, inputs: list[str], **attrs: Any) -> str:
        """A node; returns its output."""
        name = self._name()
        self._nodes.append(helper.make_node(op, inputs, [name], **attrs))
        return name

    def layer(self, x: str, size: int | None = None, given: int | None = None) -> str:
        """MatMul and a bias; weights are more often positive, so that sums do not cancel out."""
        given, size = given or self.width, size or self.width
        weights = self.rng.normal(0.5, 1.0, (given, size)) / np.sqrt(given)
        product = self.add("MatMul", [x, self.constant(weights)])
        return self.add("Add", [product, self.constant(self.rng.normal(0, 0.3, size))])

    def model(self, output: str, size: int, opset: int) -> onnx.ModelProto:
        """The checked network from x to `output`, [N, size]."""
        value = [helper.make_tensor_value_info("x", self.element, ["N", self.width])]
        last = [helper.make_tensor_value_info(output, self.element, ["N", size])]
        graph = helper.make_graph(self._nodes, "drawn", value, last, self._constants)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)
        onnx.checker.check_model(model)
        return model

    def _name(self) -> str:
        self._names += 1
        return f"t{self._names}"
