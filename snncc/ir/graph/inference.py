# SPDX-License-Identifier: Apache-2.0
"""Inference of types and shapes by onnx."""

from __future__ import annotations

import onnx

__all__ = ["inferred"]

_LARGE = 4096  # bytes; constants that determine shapes are far smaller
_LIKE_INPUT = frozenset({"GroupNormalization"})  # whose type and shape onnx does not infer: those of the input
_NO_TYPE = "expected to have type but instead is null"  # part of onnx's message on a result of unknown type


def inferred(model: onnx.ModelProto) -> onnx.ModelProto:
    """`model`, which is changed, with the types and shapes of its tensors, as far as onnx knows its ops."""
    del model.graph.value_info[:]
    for weight in model.graph.initializer:
        if len(weight.raw_data) > _LARGE:  # inference needs its shape only, and copies the model several times
            weight.ClearField("raw_data")
    for node in model.graph.node:
        if node.op_type in _LIKE_INPUT and node.domain == "":
            node.op_type = "Identity"
            del node.input[1:], node.attribute[:]
    try:
        return onnx.shape_inference.infer_shapes(model, strict_mode=True, data_prop=True)
    except onnx.shape_inference.InferenceError as error:
        if _NO_TYPE not in str(error):
            raise
    return onnx.shape_inference.infer_shapes(model, data_prop=True)
