# SPDX-License-Identifier: Apache-2.0
"""Determine whether the output of a node in a quantised network can be negative."""

from __future__ import annotations

from collections.abc import Callable, Container

import onnx

from snncc.ir.op_sets import MOVES, POOLS
from snncc.ops.arrays import Array

__all__ = ["KEEPING", "none_negative"]

KEEPING = MOVES - {"Pad"} | {"MaxPool", "Split"}  # each value that they give is one that they are given
_POSITIVE = frozenset({"Abs", "Exp", "HardSigmoid", "Relu", "Sigmoid", "Softmax", "Softplus"})
_SUMS = frozenset({"Add", "Concat", "Mul", "Sum"})
_POOLS = POOLS - {"Resize"}  # which may overshoot
_FUSED = ("FusedConv", "FusedGemm")  # with the activation as an attribute


def none_negative(node: onnx.NodeProto, positive: Container[str], value: Callable[[str], Array | None]) -> bool:
    """Whether the output of `node` is nonnegative, by its op and the known properties of its inputs.

    `positive` are the tensors known to be like that, `value` gives constants.
    """
    match node.op_type:
        case "Clip":
            values = node.input[1:2]
        case "Pad":
            values = [node.input[0], *filter(None, node.input[2:3])]
        case op if op in _FUSED:
            given = {a.name: a for a in node.attribute}
            name = given["activation"].s.decode() if "activation" in given else ""
            return name in _POSITIVE or (name == "Clip" and given["activation_params"].floats[0] >= 0)
        case op if op in _SUMS:
            values = node.input
        case op if op in KEEPING | _POOLS:
            values = node.input[:1]
        case op:
            return op in _POSITIVE
    constants = {i: value(i) for i in values}
    known = (i in positive or (v is not None and (v >= 0).all()) for i, v in constants.items())
    return bool(constants) and all(known)
