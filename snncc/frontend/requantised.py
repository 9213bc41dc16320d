# SPDX-License-Identifier: Apache-2.0
"""Recover the float nodes for a DequantizeLinear whose input is more than a quantised activation."""

from __future__ import annotations

import numpy as np
import onnx
from onnx import helper

from snncc.ops.arrays import Array

__all__ = ["Meaning", "Spelled", "integers", "looked_up", "rescaled"]

Meaning = tuple[float, float]  # scale and zero point
Spelled = tuple[list[onnx.NodeProto], dict[str, Array]]  # nodes, and their constants by name


def rescaled(node: onnx.NodeProto, old: Meaning, new: Meaning) -> Spelled:
    """The float nodes for values quantised by `old` and dequantised by `new`: (x / s + z - z') s'."""
    source, result = node.input[0], node.output[0]
    if old == new:
        return [helper.make_node("Identity", [source], [result], name=node.name)], {}
    factor, offset, scaled = f"{result}/factor", f"{result}/offset", f"{result}/scaled"
    nodes = [
        helper.make_node("Mul", [source, factor], [scaled], name=scaled),
        helper.make_node("Add", [scaled, offset], [result], name=node.name),
    ]
    return nodes, {factor: _number(new[0] / old[0]), offset: _number((old[1] - new[1]) * new[0])}


def integers(node: onnx.NodeProto, meaning: Meaning) -> Spelled:
    """The float nodes for integer inputs: (x - z) s."""
    source, result = node.input[0], node.output[0]
    zero, scale, cast, centred = (f"{result}/{k}" for k in ("zero", "scale", "cast", "centred"))
    nodes = [
        helper.make_node("Cast", [source], [cast], name=cast, to=onnx.TensorProto.FLOAT),
        helper.make_node("Sub", [cast, zero], [centred], name=centred),
        helper.make_node("Mul", [centred, scale], [result], name=node.name),
    ]
    return nodes, {zero: _number(meaning[1]), scale: _number(meaning[0])}


def looked_up(node: onnx.NodeProto, gather: onnx.NodeProto, table: Array, meaning: Meaning) -> Spelled:
    """The float nodes for the result of `gather` from an integer table: rows of a table of floating-point numbers."""
    scale, zero = meaning
    name = f"{node.output[0]}/table"
    again = helper.make_node("Gather", [name, gather.input[1]], node.output, name=node.name)
    again.attribute.extend(gather.attribute)
    return [again], {name: np.asarray((table.astype(np.float64) - zero) * scale, np.float32)}


def _number(value: float) -> Array:
    return np.array(value, np.float32)
