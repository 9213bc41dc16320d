# SPDX-License-Identifier: Apache-2.0
"""Integer ops of quantize_dynamic, and their fused forms in onnxruntime -> float ops after DequantizeLinear.

The integers that DynamicQuantizeLinear makes of an activation represent it in steps whose size depends on the input. A
float network has no such steps; they count as steps of 1, so that an integer is the value itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import onnx
from onnx import helper

from snncc.frontend.fused.domains import CONTRIB

__all__ = ["ONE", "PRODUCTS", "is_integer_op", "spelled_out_integers"]

ONE = "/step_of_one"  # the name of the constant 1, the scale of values without a scale

PRODUCTS = {"MatMulInteger": "MatMul", "ConvInteger": "Conv"}
_OTHERS = frozenset({"DynamicQuantizeLSTM", "DynamicQuantizeMatMul", "MatMulIntegerToFloat", "QAttention"})


def is_integer_op(node: onnx.NodeProto) -> bool:
    """Whether `spelled_out_integers` supports `node`."""
    return node.op_type in PRODUCTS or node.op_type in _OTHERS


def spelled_out_integers(node: onnx.NodeProto) -> Iterator[onnx.NodeProto]:
    """The float nodes equivalent to `node`, which `is_integer_op` must accept."""
    name = node.name or node.output[0]
    given = [*node.input, *[""] * (12 - len(node.input))]
    match node.op_type:
        case "MatMulIntegerToFloat":
            operands = [[given[0], given[2], given[4]], [given[1], given[3], given[5]]]
            yield from _biased(node, name, operands, given[6])
        case "DynamicQuantizeMatMul":
            yield from _biased(node, name, [[given[0]], [given[1], given[2], given[3]]], given[4])
        case "DynamicQuantizeLSTM":
            yield from _lstm(node, name, given)
        case "QAttention":
            yield from _attention(node, name, given)
        case op:
            operands = [[given[0], ONE, given[2]], [given[1], ONE, given[3]]]
            for index, operand in enumerate(operands):
                yield _float(operand, f"{name}/operand_{index}", 0 if op == "ConvInteger" and index else -1)
            plain = [f"{name}/operand_{index}" for index in (0, 1)]
            yield _node(PRODUCTS[op], plain, node.output, name, node.attribute)


def _biased(node: onnx.NodeProto, name: str, operands: Sequence[Sequence[str]], bias: str) -> Iterator[onnx.NodeProto]:
    """MatMul, and what is added to it."""
    inputs = []
    for index, operand in enumerate(operands):
        inputs.append(f"{name}/operand_{index}" if len(operand) > 1 else operand[0])
        if len(operand) > 1:
            yield _float(operand, inputs[-1], -1)
    made = f"{name}/product" if bias else node.output[0]
    yield _node("MatMul", inputs, [made], name)
    if bias:
        yield _node("Add", [made, bias], node.output, f"{name}/bias")


def _lstm(node: onnx.NodeProto, name: str, given: Sequence[str]) -> Iterator[onnx.NodeProto]:
    """LSTM, whose weights are transposed here."""
    weights = []
    for letter, weight, scale, zero in (("W", 1, 8, 9), ("R", 2, 10, 11)):
        yield _float([given[weight], given[scale], given[zero]], f"{name}/{letter}", 0)
        turned = helper.make_attribute("perm", [0, 2, 1])
        yield _node("Transpose", [f"{name}/{letter}"], [f"{name}/{letter}_turned"], f"{name}/{letter}_turned", [turned])
        weights.append(f"{name}/{letter}_turned")
    yield _node("LSTM", [given[0], *weights, *given[3:8]], node.output, name, node.attribute)


def _attention(node: onnx.NodeProto, name: str, given: Sequence[str]) -> Iterator[onnx.NodeProto]:
    """Attention of onnxruntime's own."""
    source, weight, bias, scale, weight_scale, mask, zero, weight_zero, past = given[:9]
    yield _float([source, scale, zero], f"{name}/input", -1)
    yield _float([weight, weight_scale, weight_zero], f"{name}/weight", -1)
    attention = _node(
        "Attention", [f"{name}/input", f"{name}/weight", bias, mask, past], node.output, name, node.attribute
    )
    attention.domain = CONTRIB
    yield attention


def _float(operand: Sequence[str], output: str, axis: int) -> onnx.NodeProto:
    return _node("DequantizeLinear", operand, [output], output, [helper.make_attribute("axis", axis)])


def _node(
    op: str,
    inputs: Sequence[str],
    outputs: Sequence[str],
    name: str,
    attributes: Sequence[onnx.AttributeProto] = (),
) -> onnx.NodeProto:
    given = list(inputs)
    while given and not given[-1]:
        given.pop()
    node = helper.make_node(op, given, list(outputs), name=name)
    node.attribute.extend(attributes)
    return node
