# SPDX-License-Identifier: Apache-2.0
"""Convert a model from any opset that onnx supports to the opset of the passes."""

from __future__ import annotations

import functools

import onnx
from onnx import helper, version_converter

from snncc.analysis.cpu_session import ORT_ERRORS, cpu_session
from snncc.errors import ModelError
from snncc.frontend.checks import first_line
from snncc.ir.nodes import opset_of

__all__ = ["IR_VERSION", "OPSET", "at_opset"]

OPSET = 21  # converted models import at least this one; onnxruntime 1.18 and later know it
IR_VERSION = 10


def at_opset(model: onnx.ModelProto, name: str) -> onnx.ModelProto:
    """`model`, or a copy at `OPSET` if its opset is older, or unknown to onnxruntime."""
    version = opset_of(model)
    if version >= OPSET and _runs_opset(version):
        return model
    try:
        converted = version_converter.convert_version(model, OPSET)
    except (
        RuntimeError,
        version_converter.ConvertError,
        onnx.checker.ValidationError,
        onnx.shape_inference.InferenceError,
    ) as error:
        reason = first_line(error).rpartition("failed: ")[2]  # onnx's assertions begin with a path of onnx's sources
        message = f"{name}: cannot be brought from opset {version} to {OPSET} ({reason})"
        raise ModelError(f"{message}. Export the model again with opset {OPSET}.") from error
    if version < 11:
        _keep_old_coordinates(converted)
    return converted


def _keep_old_coordinates(model: onnx.ModelProto) -> None:
    """Upsample, and Resize up to opset 10, map coordinates the simplest way; the converter leaves them the new one."""
    old = {"coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
    for node in model.graph.node:
        if node.op_type == "Resize" and not {a.name for a in node.attribute} & old.keys():
            node.attribute.extend(helper.make_attribute(name, value) for name, value in old.items())


@functools.cache
def _runs_opset(version: int) -> bool:
    """Whether this onnxruntime knows the opset; new ones come out in onnx first."""
    value = [helper.make_tensor_value_info(n, onnx.TensorProto.FLOAT, [1]) for n in "xy"]
    graph = helper.make_graph([helper.make_node("Identity", ["x"], ["y"])], "probe", value[:1], value[1:])
    probe = helper.make_model(graph, ir_version=IR_VERSION, opset_imports=[helper.make_opsetid("", version)])
    try:
        cpu_session(probe)
    except ORT_ERRORS:
        return False
    return True
