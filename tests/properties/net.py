# SPDX-License-Identifier: Apache-2.0
"""An ONNX network that grows node by node and knows the shape of each tensor."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

__all__ = ["Net", "Shape", "anywhere", "is_image"]

Shape = tuple[int, ...]  # of one sample, without the batch axis

_BATCH = 7  # stands for the batch where shapes are inferred
_OPSETS = [helper.make_opsetid("", 21)]


def anywhere(shape: Shape) -> bool:
    """For an op that takes any tensor."""
    return True


def is_image(shape: Shape) -> bool:
    """Whether channels and one to three further axes are there."""
    return 2 <= len(shape) <= 4


class Net:
    """Nodes, weights and shapes so far; weights are seeded, and so small that activations stay near 1."""

    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng(seed)
        self.inputs: list[str] = []
        self.nodes: list[onnx.NodeProto] = []
        self.constants: dict[str, np.ndarray] = {}
        self.shapes: dict[str, Shape] = {}

    @property
    def tensors(self) -> list[str]:
        """All tensors that hold activations, the latest first."""
        return list(self.shapes)[::-1]

    def input(self, shape: Shape) -> str:
        """A new input of the network."""
        name = f"x{len(self.inputs)}"
        self.inputs.append(name)
        self.shapes[name] = shape
        return name

    def constant(self, value: Any, kind: type = np.float32) -> str:
        """A new constant."""
        name = f"k{len(self.constants)}"
        self.constants[name] = np.asarray(value, kind)
        return name

    def weights(self, shape: Shape, fan_in: int) -> str:
        """A new constant of normal values, or one of the same shape that is there already, one time in four."""
        same = [k for k, v in self.constants.items() if v.shape == shape and v.dtype == np.float32]
        if same and self.rng.random() < 0.25:
            return same[-1]
        return self.constant(self.rng.normal(0.1, 1, shape) / np.sqrt(max(fan_in, 1)))

    def add(self, op: str, inputs: list[str], outputs: int = 1, **attributes: Any) -> str:
        """A new node; returns its first output."""
        names = [f"t{len(self.nodes)}" + "abcd"[i] * (outputs > 1) for i in range(outputs)]
        node = helper.make_node(op, inputs, names, name=f"n{len(self.nodes)}", **attributes)
        shapes = self._inferred(node)
        self.nodes.append(node)
        self.shapes.update(shapes)
        return names[0]

    def model(self, outputs: list[str]) -> onnx.ModelProto:
        """The network, with a dynamic batch."""
        used = {name for node in self.nodes for name in node.input}
        weights = [numpy_helper.from_array(v, k) for k, v in self.constants.items() if k in used]
        values = [[self._info(n, "N") for n in names] for names in (self.inputs, outputs)]
        graph = helper.make_graph(self.nodes, "net", *values, weights)
        model = helper.make_model(graph, ir_version=10, opset_imports=_OPSETS)
        onnx.checker.check_model(model, full_check=True)
        return model

    def _info(self, name: str, batch: int | str) -> onnx.ValueInfoProto:
        return helper.make_tensor_value_info(name, TensorProto.FLOAT, [batch, *self.shapes[name]])

    def _inferred(self, node: onnx.NodeProto) -> dict[str, Shape]:
        weights = [numpy_helper.from_array(self.constants[n], n) for n in set(node.input) if n in self.constants]
        given = [self._info(n, _BATCH) for n in dict.fromkeys(node.input) if n in self.shapes]
        results = [onnx.ValueInfoProto(name=n) for n in node.output]
        model = helper.make_model(helper.make_graph([node], "one", given, results, weights), opset_imports=_OPSETS)
        inferred = onnx.shape_inference.infer_shapes(model, strict_mode=True, data_prop=True)
        found = {}
        for value in inferred.graph.output:
            batch, *sizes = (d.dim_value for d in value.type.tensor_type.shape.dim)
            assert batch == _BATCH, node
            assert min(sizes, default=1) > 0, node
            found[value.name] = tuple(sizes)
        return found
