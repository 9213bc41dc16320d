# SPDX-License-Identifier: Apache-2.0
"""Write ONNX networks layer by layer; the same calls give the same bytes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

__all__ = ["NetworkBuilder"]

Array = npt.NDArray[Any]

OPSET = 17
IR_VERSION = 8


class NetworkBuilder:
    """Collects nodes and weights. Each method adds one node, named `name`, and returns the name of its output."""

    def __init__(self, name: str, input_shape: Sequence[int | str], input_type: npt.DTypeLike = np.float32) -> None:
        self._name = name
        self._input_shape = tuple(input_shape)
        self._input_type = helper.np_dtype_to_tensor_dtype(np.dtype(input_type))
        self._nodes: list[onnx.NodeProto] = []
        self._weights: list[onnx.TensorProto] = []

    @property
    def input(self) -> str:
        """The network's input, [N, *input_shape]."""
        return "input"

    def add(self, op: str, inputs: Sequence[str], name: str, **attributes: Any) -> str:
        """Any other node, with one output."""
        self._nodes.append(helper.make_node(op, list(inputs), [f"{name}_out"], name, **attributes))
        return f"{name}_out"

    def conv(
        self,
        x: str,
        name: str,
        weight: Array,
        bias: Array | None = None,
        *,
        stride: int = 1,
        padding: int = 0,
        groups: int = 1,
        transposed: bool = False,
    ) -> str:
        """Convolution, or its transpose, over the axes of `weight` after its two channel axes."""
        kernel = list(weight.shape[2:])
        names = [self._weight(f"{name}.weight", weight)]
        names += [] if bias is None else [self._weight(f"{name}.bias", bias)]
        return self.add(
            "ConvTranspose" if transposed else "Conv",
            [x, *names],
            name,
            kernel_shape=kernel,
            strides=[stride] * len(kernel),
            pads=[padding] * (2 * len(kernel)),
            **({"group": groups} if groups > 1 else {}),
        )

    def batch_norm(self, x: str, name: str, statistics: Sequence[Array]) -> str:
        """BatchNormalization for inference; `statistics` are scale, bias, mean and variance."""
        parts = ("weight", "bias", "running_mean", "running_var")
        names = [self._weight(f"{name}.{part}", value) for part, value in zip(parts, statistics, strict=True)]
        return self.add("BatchNormalization", [x, *names], name, epsilon=1e-5)

    def constant(self, name: str, value: npt.ArrayLike) -> str:
        """A constant, for the inputs of `add`; returns its name."""
        self._weights.append(numpy_helper.from_array(np.asarray(value), name))
        return name

    def gemm(self, x: str, name: str, weight: Array, bias: Array) -> str:
        """x · weightᵀ + bias."""
        names = [self._weight(f"{name}.weight", weight), self._weight(f"{name}.bias", bias)]
        return self.add("Gemm", [x, *names], name, transB=1)

    def build(self, x: str, output: str, *shape: int | str) -> onnx.ModelProto:
        """The model that gives `x`, [N, *shape], the name `output`."""
        return self.build_all({output: (x, shape)})

    def build_all(self, outputs: Mapping[str, tuple[str, Sequence[int | str]]]) -> onnx.ModelProto:
        """The model with several outputs: by name, the tensor and its shape without the batch axis."""
        renamed = {x: output for output, (x, _) in outputs.items()}
        for node in self._nodes:
            node.input[:] = [renamed.get(name, name) for name in node.input]
            node.output[:] = [renamed.get(name, name) for name in node.output]
        values = [helper.make_tensor_value_info(self.input, self._input_type, ["N", *self._input_shape])]
        values += [
            helper.make_tensor_value_info(name, TensorProto.FLOAT, ["N", *shape])
            for name, (_, shape) in outputs.items()
        ]
        graph = helper.make_graph(self._nodes, self._name, values[:1], values[1:], self._weights)
        opset = helper.make_opsetid("", OPSET)
        model = helper.make_model(graph, ir_version=IR_VERSION, opset_imports=[opset], producer_name="snncc.models")
        onnx.checker.check_model(model, full_check=True)
        return model

    def _weight(self, name: str, value: Array) -> str:
        return self.constant(name, np.asarray(value, np.float32))
