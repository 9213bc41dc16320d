# SPDX-License-Identifier: Apache-2.0
"""Add nodes to a model proto, under unused names."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper

from snncc.ir.scopes import names_of
from snncc.ops.arrays import Array

__all__ = ["Builder"]


class Builder:
    """Extends `model` in place."""

    def __init__(self, model: onnx.ModelProto) -> None:
        self._graph = model.graph
        self._taken = set(names_of(model.graph))

    def fresh(self, name: str) -> str:
        """Reserve and return an unused name similar to `name`."""
        while name in self._taken:
            name += "_"
        self._taken.add(name)
        return name

    def node(self, op: str, inputs: Sequence[str], name: str, **attributes: Any) -> str:
        """Add a node of a standard op; returns its output."""
        output = self.fresh(name)
        self._graph.node.append(helper.make_node(op, list(inputs), [output], name=output, **attributes))
        return output

    def add(self, node: onnx.NodeProto) -> None:
        """Add a ready node, whose outputs have `fresh` names."""
        self._graph.node.append(node)

    def constant(self, name: str, value: Array) -> str:
        """A constant called like `name`; returns its name."""
        name = self.fresh(name)
        self._graph.initializer.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def ints(self, *values: int) -> str:
        """A constant of int64 values."""
        return self.constant("ints_" + "_".join(map(str, values)), np.array(values, np.int64))

    def input(self, name: str, kind: int, shape: Sequence[int | str]) -> str:
        """Add an input of the graph; returns its name."""
        name = self.fresh(name)
        self._graph.input.append(helper.make_tensor_value_info(name, kind, list(shape)))
        return name

    def output(self, name: str, kind: int, shape: Sequence[int | str]) -> None:
        """Make the tensor `name` a graph output."""
        self._graph.output.append(helper.make_tensor_value_info(name, kind, list(shape)))
