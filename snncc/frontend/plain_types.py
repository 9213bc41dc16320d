# SPDX-License-Identifier: Apache-2.0
"""Normalise element types and axes: no bfloat16, no axis of length -1, missing types added.

numpy and onnxruntime support few computations in bfloat16; float32 represents all its values.
"""

from __future__ import annotations

import numpy as np
import onnx
from onnx import TensorProto, numpy_helper

from snncc.io.large_models import outline
from snncc.io.tensors import tensors_of
from snncc.ir.nodes import all_graphs

__all__ = ["checkable", "with_plain_types"]

_TYPES = ("to", "dtype", "stash_type")  # attributes that name an element type


def with_plain_types(model: onnx.ModelProto) -> onnx.ModelProto:
    """`model`, changed in place: axes of length -1 become open, and internal bfloat16 becomes float32."""
    for graph in all_graphs(model.graph):
        for value in (*graph.input, *graph.output, *graph.value_info):
            for axis in value.type.tensor_type.shape.dim:
                if axis.dim_value < 0:
                    axis.ClearField("dim_value")
    if any(t.data_type == TensorProto.BFLOAT16 for _, t in tensors_of(model)) or _casts(model):
        _without_bfloat16(model)
    return model


def checkable(model: onnx.ModelProto) -> onnx.ModelProto:
    """An outline of `model` for onnx's checker, with a shape for each output that inference only finds later."""
    sketch = outline(model)
    for value in sketch.graph.output:
        kind = value.type.tensor_type if not value.type.WhichOneof("value") else None
        if kind is not None:
            kind.elem_type = TensorProto.FLOAT
        if value.type.HasField("tensor_type") and not value.type.tensor_type.HasField("shape"):
            value.type.tensor_type.shape.SetInParent()
    return sketch


def _without_bfloat16(model: onnx.ModelProto) -> None:
    for _, tensor in tensors_of(model):
        if tensor.data_type == TensorProto.BFLOAT16:
            tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor).astype(np.float32), tensor.name))
    for graph in all_graphs(model.graph):
        for value in graph.value_info:
            if value.type.tensor_type.elem_type == TensorProto.BFLOAT16:
                value.type.tensor_type.elem_type = TensorProto.FLOAT
    for attribute in _casts(model):
        attribute.i = TensorProto.FLOAT


def _casts(model: onnx.ModelProto) -> list[onnx.AttributeProto]:
    """The attributes that ask for bfloat16."""
    nodes = [n for g in all_graphs(model.graph) for n in g.node] + [n for f in model.functions for n in f.node]
    found = (a for n in nodes for a in n.attribute if a.name in _TYPES)
    return [a for a in found if a.type == onnx.AttributeProto.INT and a.i == TensorProto.BFLOAT16]
