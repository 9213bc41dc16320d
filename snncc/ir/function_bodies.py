# SPDX-License-Identifier: Apache-2.0
"""Function bodies of the ops that a model uses: with them it runs in any onnxruntime."""

from __future__ import annotations

import onnx
from onnx import helper

from snncc import ops
from snncc.ir.nodes import all_nodes, opset_of

__all__ = ["attach_bodies"]


def attach_bodies(model: onnx.ModelProto) -> None:
    """Add the function body of every op of ours that `model` uses."""
    opset = opset_of(model)
    steps: dict[str, set[int]] = {}
    for node in all_nodes(model.graph):
        if node.domain == ops.DOMAIN:
            attributes = {a.name: helper.get_attribute_value(a) for a in node.attribute}
            steps.setdefault(node.op_type, set()).add(ops.get(node.op_type).length(attributes))
    for name, lengths in sorted(steps.items()):
        assert len(lengths) == 1, f"{name} with tables of several lengths: {lengths}"
        model.functions.append(ops.get(name).function(lengths.pop(), opset))
