# SPDX-License-Identifier: Apache-2.0
"""Which outputs of a convolution or pooling hold which inputs, axis by axis.

Kernels, strides, dilations and pads act on each spatial axis on its own, so that a matrix [outputs, inputs] per axis,
with the number of taps between each pair, says everything; taps that fall on padding are in none of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["taps"]

Counts = npt.NDArray[np.int64]


def taps(
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
        outputs: spatial shape of the output, which settles ceil_mode, output_shape and the like.
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
    """The padding in front of an axis; `spatial` = (size of the wide side, number of windows)."""
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
