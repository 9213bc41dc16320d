# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
import pytest

from snncc import ops

ModelBuilder = Callable[..., onnx.ModelProto]


@pytest.fixture
def neuron_model() -> ModelBuilder:
    """Builds a model of one neuron, without its function body: only the native library can run it."""

    def build(
        name: str = "OneSpikeNeuron",
        shape: tuple[Any, ...] | None = ("N", 4),
        parameter_shape: tuple[int, ...] = (1,),
        dtype: str = "float32",
        **attributes: Any,
    ) -> onnx.ModelProto:
        op = ops.get(name)
        kind = onnx.helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
        value = onnx.helper.make_tensor_value_info
        inputs = [
            value(p.name, kind, shape) if p.type == "T" else value(p.name, onnx.TensorProto.FLOAT, parameter_shape)
            for p in op.inputs
        ]
        node = onnx.helper.make_node(
            name,
            [p.name for p in op.inputs],
            ["Y", "count"],
            name="the_node",
            domain=ops.DOMAIN,
            **{"levels": [1.0, 0.5], "thresholds": [0.75, 0.25], **attributes},
        )
        outputs = [value("Y", kind, None), value("count", onnx.TensorProto.INT32, None)]
        graph = onnx.helper.make_graph([node], "one_neuron", inputs, outputs)
        opsets = [onnx.helper.make_opsetid("", 20), onnx.helper.make_opsetid(ops.DOMAIN, ops.OPSET)]
        return onnx.helper.make_model(graph, opset_imports=opsets, ir_version=10)

    return build
