# SPDX-License-Identifier: Apache-2.0
"""What a Resize does, axis by axis: which inputs each output is interpolated from."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import helper, numpy_helper

from snncc.analysis.cpu_session import cpu_session
from snncc.ir.graph import Graph, Node

__all__ = ["resize_obstacle", "resized_taps"]

_ROI, _SCALES, _SIZES = 1, 2, 3


def resize_obstacle(graph: Graph, node: Node) -> str | None:
    """Why a Resize is not linear in each sample's values, as far as is known; None if it is."""
    if node.attrs.get("coordinate_transformation_mode", "half_pixel") == "tf_crop_and_resize":
        return "crops to a region of interest and fills up"
    given = [t for t in node.inputs[_SCALES:] if t.name]
    value = graph.value(given[0]) if given else None
    if value is None:
        return "its sizes are computed, export with a fixed image size"
    axes = node.attrs.get("axes") or list(range(len(graph.shape(node.inputs[0]) or ())))
    scales = len(node.inputs) <= _SIZES or not node.inputs[_SIZES].name
    if 0 in axes and (not scales or value[axes.index(0)] != 1):
        return "it states the batch size, export with a dynamic batch"
    return None


def resized_taps(
    node: onnx.NodeProto, values: list[npt.NDArray[Any] | None], inputs: tuple[int, ...], outputs: tuple[int, ...]
) -> list[npt.NDArray[np.int64]]:
    """The matrices [outputs, inputs] of all axes, 1 where the output takes something of the input.

    Args:
        node: The Resize.
        values: Of its inputs, where they are constants.
        inputs: Shape of what it reads.
        outputs: Shape of what it gives.
    """
    axes = next((list(a.ints) for a in node.attribute if a.name == "axes"), list(range(len(inputs))))
    return [
        _along(node, values, axes.index(axis), size)
        if axis in axes and size != outputs[axis]
        else np.eye(size, dtype=np.int64)
        for axis, size in enumerate(inputs)
    ]


def _along(node: onnx.NodeProto, values: list[npt.NDArray[Any] | None], place: int, size: int) -> npt.NDArray[np.int64]:
    """The op on one axis alone, of `size` samples that are 1 in one place each."""
    alone = onnx.NodeProto()
    alone.CopyFrom(node)
    names = ["hot", *("" if v is None or not v.size else f"given_{i}" for i, v in enumerate(values[1:]))]
    alone.input[:] = names
    alone.output[:] = ["taps"]
    kept = [a for a in node.attribute if a.name != "axes"]
    del alone.attribute[:]
    alone.attribute.extend([*kept, helper.make_attribute("axes", [2])])
    weights = [
        numpy_helper.from_array(np.atleast_1d(value)[place : place + 1], name)
        for name, value in zip(names[1:], values[1:], strict=True)
        if name and value is not None
    ]
    given = helper.make_tensor_value_info("hot", onnx.TensorProto.FLOAT, [size, 1, size, 1])
    graph = helper.make_graph([alone], "taps", [given], [onnx.ValueInfoProto(name="taps")], weights)
    model = helper.make_model(graph, ir_version=10, opset_imports=[helper.make_opsetid("", 21)])
    hot = np.eye(size, dtype=np.float32).reshape(size, 1, size, 1)
    found = cpu_session(model, ["taps"]).run(None, {"hot": hot})[0]
    return np.asarray(found.reshape(size, -1).T != 0, np.int64)
