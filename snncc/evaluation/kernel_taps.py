# SPDX-License-Identifier: Apache-2.0
"""Map inputs of a convolution or pooling to the outputs that use them, axis by axis.

Kernels, strides, dilations and pads act on each spatial axis separately. A matrix [outputs, inputs] per axis, with the
number of taps between each pair, is therefore a complete description; taps on padding are not included.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import helper, numpy_helper

from snncc.analysis.cpu_session import cpu_session
from snncc.ops.arrays import Array

__all__ = ["kernel_taps", "resized_taps"]

Counts = npt.NDArray[np.int64]


def kernel_taps(
    attributes: Mapping[str, Any],
    kernel: Sequence[int],
    inputs: Sequence[int],
    outputs: Sequence[int],
    *,
    transposed: bool = False,
) -> list[Counts]:
    """The matrices [outputs, inputs] of all spatial axes.

    Args:
        attributes: those of the node: strides, dilations, pads, auto_pad.
        kernel: the window's size on each axis.
        inputs: spatial shape of the input.
        outputs: spatial shape of the output, which determines ceil_mode, output_shape and similar options.
        transposed: whether the node is a ConvTranspose.
    """
    rank = len(kernel)
    strides = attributes.get("strides") or [1] * rank
    dilations = attributes.get("dilations") or [1] * rank
    matrices = []
    for axis in range(rank):
        spatial = (outputs[axis], inputs[axis]) if transposed else (inputs[axis], outputs[axis])
        geometry = (kernel[axis], strides[axis], dilations[axis])
        pad = _begin(attributes, axis, rank, spatial, geometry, transposed)
        matrix = _axis(*spatial, *geometry, pad)
        matrices.append(matrix.T if transposed else matrix)
    return matrices


def _axis(size: int, windows: int, kernel: int, stride: int, dilation: int, pad: int) -> Counts:
    """Taps of `windows` windows on `size` positions, [windows, size]."""
    matrix = np.zeros((windows, size), np.int64)
    for tap in range(kernel):
        position = np.arange(windows) * stride + tap * dilation - pad
        inside = (position >= 0) & (position < size)
        np.add.at(matrix, (np.flatnonzero(inside), position[inside]), 1)
    return matrix


def _begin(
    attributes: Mapping[str, Any],
    axis: int,
    rank: int,
    spatial: tuple[int, int],
    geometry: tuple[int, int, int],
    transposed: bool,
) -> int:
    """The padding before an axis; `spatial` = (size of the wide side, number of windows)."""
    mode = attributes.get("auto_pad", b"NOTSET").decode()
    wide, windows = spatial
    kernel, stride, dilation = geometry
    implied = transposed and "output_shape" in attributes
    if mode == "VALID":
        return 0
    if mode == "NOTSET" and not implied:
        pads = attributes.get("pads") or [0] * 2 * rank
        return int(pads[axis])
    extra = (attributes.get("output_padding") or [0] * rank)[axis] if transposed else 0
    total = max((windows - 1) * stride + dilation * (kernel - 1) + 1 + extra - wide, 0)
    return total // 2 if mode == "SAME_UPPER" else total - total // 2


def resized_taps(
    node: onnx.NodeProto,
    opset: int,
    values: list[Array | None],
    inputs: tuple[int, ...],
    outputs: tuple[int, ...],
) -> list[npt.NDArray[np.int64]]:
    """The matrices [outputs, inputs] of all axes, 1 where the output depends on the input.

    Args:
        node: The Resize.
        opset: Of its model.
        values: Of its inputs, where they are constants.
        inputs: Shape of what it reads.
        outputs: Shape of what it gives.
    """
    axes = next((list(a.ints) for a in node.attribute if a.name == "axes"), list(range(len(inputs))))
    return [
        _along(node, opset, values, axes.index(axis), size)
        if axis in axes and size != outputs[axis]
        else np.eye(size, dtype=np.int64)
        for axis, size in enumerate(inputs)
    ]


def _along(
    node: onnx.NodeProto, opset: int, values: list[Array | None], place: int, size: int
) -> npt.NDArray[np.int64]:
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
    model = helper.make_model(graph, ir_version=10, opset_imports=[helper.make_opsetid("", opset)])
    hot = np.eye(size, dtype=np.float32).reshape(size, 1, size, 1)
    found = cpu_session(model, ["taps"]).run(None, {"hot": hot})[0]
    return np.asarray(found.reshape(size, -1).T != 0, np.int64)
