# SPDX-License-Identifier: Apache-2.0
"""QuantizeLinear and DequantizeLinear of constants in numpy, with any granularity of scales."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
from onnx import helper

from snncc.ops.arrays import Array

__all__ = ["evaluated"]


def evaluated(node: onnx.NodeProto, given: Sequence[Array]) -> Array:
    """Result of QuantizeLinear, DequantizeLinear or Mul of constants."""
    if node.op_type == "Mul":
        return np.asarray(given[0] * given[1])
    attributes = {a.name: helper.get_attribute_value(a) for a in node.attribute}
    values, scale = given[0], given[1]
    spread = _spread(scale, values.shape, attributes).astype(np.float64)
    zero: Any = _spread(given[2], values.shape, attributes).astype(np.float64) if len(given) > 2 else 0.0
    if node.op_type == "DequantizeLinear":
        return np.asarray((values.astype(np.float64) - zero) * spread).astype(scale.dtype)
    kind = given[2].dtype if len(given) > 2 else np.dtype(np.uint8)
    limits = np.iinfo(kind)
    return np.asarray(np.clip(np.rint(values / spread) + zero, limits.min, limits.max)).astype(kind)


def _spread(parameter: Array, shape: tuple[int, ...], attributes: dict[str, Any]) -> Array:
    """A scale or zero point, one for all, for each index of an axis or for each block of one, in a shape that fits."""
    if parameter.size == 1:
        return parameter.reshape(())
    if (
        len(shape) == 3 and parameter.size == shape[0] * shape[-1] != shape[0]
    ):  # of a recurrent layer, both ways at once
        return parameter.reshape(shape[0], 1, shape[-1])
    axis = int(attributes.get("axis", 1)) % len(shape)
    if block := int(attributes.get("block_size", 0)):
        return np.repeat(parameter, block, axis=axis).take(range(shape[axis]), axis=axis)
    return parameter.reshape([-1 if a == axis else 1 for a in range(len(shape))])
