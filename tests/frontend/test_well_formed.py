# SPDX-License-Identifier: Apache-2.0
"""Nodes that lack inputs, outputs, attributes or graphs that their ops require are refused by every reader."""

from __future__ import annotations

from collections.abc import Callable

import onnx
import pytest
from onnx import parser

import snncc
from snncc.errors import ModelError

_QUANTISED = "s = Constant <value = float {0.1}> () q = QuantizeLinear (x, s) u = DequantizeLinear (q, s) y = Relu (u)"
_BODIES = {
    "If": "c = Constant <value = bool {1}> () "
    "u = If (c) <then_branch = t () => (float[N, 4] p) { p = Relu (x) }, "
    "else_branch = e () => (float[N, 4] q) { q = Neg (x) }> y = Relu (u)",
    "DynamicQuantizeLinear": "q, s, z = DynamicQuantizeLinear (x) u = DequantizeLinear (q, s, z) y = Relu (u)",
    "QuantizeLinear": _QUANTISED,
    "DequantizeLinear": _QUANTISED,
    "MatMul": "w = Constant <value = float[4, 4] {1,0,0,0, 0,1,0,0, 0,0,1,0, 0,0,0,1}> () "
    "u = MatMul (x, w) y = Relu (u)",
    "Concat": "u = Concat <axis = 1> (x) y = Relu (u)",
    "Transpose": "u = Transpose <perm = [0, 1]> (x) y = Relu (u)",
}


def _no_inputs(node: onnx.NodeProto) -> None:
    del node.input[:]


def _no_outputs(node: onnx.NodeProto) -> None:
    del node.output[:]


def _one_output_more(node: onnx.NodeProto) -> None:
    node.output.extend(f"more{i}" for i in range(40))


def _no_attributes(node: onnx.NodeProto) -> None:
    del node.attribute[:]


def _attributes_of_another_type(node: onnx.NodeProto) -> None:
    for attribute in node.attribute:
        attribute.CopyFrom(onnx.helper.make_attribute(attribute.name, 0.5))


_ALWAYS = (_no_inputs, _no_outputs, _one_output_more)
CASES = [
    *((op, spoil) for op in _BODIES for spoil in _ALWAYS if (op, spoil) != ("If", _one_output_more)),
    *((op, _no_attributes) for op in ("If", "Concat")),
    *((op, _attributes_of_another_type) for op in ("If", "Concat", "Transpose")),
]


@pytest.mark.parametrize(("op", "spoil"), CASES, ids=lambda v: v if isinstance(v, str) else v.__name__)
def test_malformed_nodes_are_refused(op: str, spoil: Callable[[onnx.NodeProto], None]) -> None:
    model = parser.parse_model(
        f'<ir_version: 8, opset_import: ["": 17]> g (float[N, 4] x) => (float[N, 4] y) {{ {_BODIES[op]} }}'
    )
    snncc.convert(model, snncc.FS(K=4))
    spoil(next(n for n in model.graph.node if n.op_type == op))
    with pytest.raises(ModelError):
        snncc.convert(model, snncc.FS(K=4))
