# SPDX-License-Identifier: Apache-2.0
"""QLinearConv and similar -> the float op between DequantizeLinear and QuantizeLinear, as in the QDQ format."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import onnx
from onnx import helper

__all__ = ["expand_qoperator", "is_q_operator"]

# Quantised operands are given as (value, scale, zero point), the quantisation of the result as (scale, zero point).
_ONE = {f"QLinear{op}": op for op in ("AveragePool", "GlobalAveragePool", "LeakyRelu", "Sigmoid", "Softmax")}
_TWO = {f"QLinear{op}": op for op in ("Add", "MatMul", "Mul")}
_BIASED = {"QLinearConv": "Conv", "QGemm": "Gemm"}
_DROPPED = ("channels_last", "opset")  # attributes that the float op does not have

_KNOWN = frozenset({*_ONE, *_TWO, *_BIASED, "QLinearConcat"})


@dataclass(frozen=True)
class _Parts:
    """Parts of a node: quantised operands, a bias quantised by their scales, scale and zero point of the result."""

    op: str
    operands: Sequence[Sequence[str]]
    result: Sequence[str]
    bias: str = ""


def is_q_operator(node: onnx.NodeProto) -> bool:
    """Whether `expand_qoperator` supports `node`: channels-last ops, and ops without a scale, have no float op."""
    if node.op_type not in _KNOWN or any(a.name == "channels_last" and a.i for a in node.attribute):
        return False
    return bool(node.output) and all(len(operand) > 1 for operand in _parts(node).operands)


def expand_qoperator(node: onnx.NodeProto, fresh: Callable[[str], str]) -> Iterator[onnx.NodeProto]:
    """The float nodes equivalent to `node`, which `is_q_operator` must accept; `fresh` returns an unused name."""
    parts = _parts(node)
    name = node.name or node.output[0]
    inputs = []
    for index, (value, scale, *zero) in enumerate(parts.operands):
        inputs.append(fresh(f"{name}/operand_{index}"))
        axis = _weight_axis(node, parts.op) if index == 1 else None
        yield _linear("DequantizeLinear", [value, scale, *zero], inputs[-1], axis)
    if parts.bias:
        scales = [operand[1] for operand in parts.operands]
        both = fresh(f"{name}/bias_scale")
        yield helper.make_node("Mul", scales, [both], name=both)
        inputs.append(fresh(f"{name}/bias"))
        yield _linear("DequantizeLinear", [parts.bias, both], inputs[-1], 0)
    made = fresh(f"{name}/float") if any(parts.result) else node.output[0]
    plain = helper.make_node(parts.op, inputs, [made], name=name)
    plain.attribute.extend(a for a in node.attribute if a.name not in _DROPPED)
    yield plain
    if any(parts.result):
        yield _linear("QuantizeLinear", [made, *parts.result], node.output[0], None)


def _parts(node: onnx.NodeProto) -> _Parts:
    given = list(node.input)
    if node.op_type in _ONE:
        return _Parts(_ONE[node.op_type], [given[:3]], given[3:5])
    if node.op_type in _TWO:
        return _Parts(_TWO[node.op_type], [given[:3], given[3:6]], given[6:8])
    if node.op_type == "QLinearConv":
        return _Parts("Conv", [given[:3], given[3:6]], given[6:8], given[8] if len(given) > 8 else "")
    if node.op_type == "QGemm":
        return _Parts("Gemm", [given[:3], given[3:6]], given[7:9], given[6] if len(given) > 6 else "")
    triples = [given[i : i + 3] for i in range(2, len(given), 3)]
    return _Parts("Concat", triples, given[:2])


def _weight_axis(node: onnx.NodeProto, op: str) -> int | None:
    """The axis of the second operand along which its scales vary, if there are several."""
    by_rows = any(a.name == "transB" and a.i for a in node.attribute)
    return {"Conv": 0, "MatMul": -1, "Gemm": 0 if by_rows else -1}.get(op)


def _linear(op: str, inputs: Sequence[str], output: str, axis: int | None) -> onnx.NodeProto:
    given = list(inputs)
    while given and not given[-1]:
        given.pop()
    node = helper.make_node(op, given, [output], name=output)
    if axis is not None:
        node.attribute.append(helper.make_attribute("axis", axis))
    return node
