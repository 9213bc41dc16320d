# SPDX-License-Identifier: Apache-2.0
"""Function bodies of the ops that a model uses: with them it runs in any onnxruntime.

Ops have shorter bodies for some tables, which all nodes of an op in a model must have.
"""

from __future__ import annotations

import math
from collections.abc import Set

import onnx

from snncc import ops
from snncc.ir.nodes import all_graphs, all_nodes, attributes_of, opset_of
from snncc.ops import OpDef

__all__ = ["attach_bodies"]


def attach_bodies(model: onnx.ModelProto) -> None:
    """Give `model` the function body of every op of ours that it uses, in place of those that it has.

    If tables of its nodes differ in length, which only kernels can run, an op keeps the one that it has, or has none.
    To be called again where tables are changed.
    """
    opset, graphs = opset_of(model), list(all_graphs(model.graph))
    used: dict[str, list[onnx.NodeProto]] = {}
    for node in all_nodes(model.graph):
        if node.domain == ops.DOMAIN:
            used.setdefault(node.op_type, []).append(node)
    values = [v for graph in graphs for v in (*graph.input, *graph.value_info, *graph.output)]
    thin = {v.name for v in values if [d.dim_value for d in v.type.tensor_type.shape.dim[1:]][-1:] == [1]}
    single = {w.name for graph in graphs for w in graph.initializer if math.prod(w.dims) == 1}
    others = [f for f in model.functions if f.domain != ops.DOMAIN]
    before = {f.name: f for f in model.functions if f.domain == ops.DOMAIN}
    uneven = {name for name, nodes in used.items() if len(_lengths(name, nodes)) > 1}
    bodies = [
        before[name] if name in uneven else _body(ops.get(name), nodes, opset, thin, single)
        for name, nodes in sorted(used.items())
        if name in before or name not in uneven
    ]
    del model.functions[:]
    model.functions.extend([*others, *bodies])


def _lengths(name: str, nodes: list[onnx.NodeProto]) -> set[int]:
    return {ops.get(name).length(attributes_of(node)) for node in nodes}


def _body(op: OpDef, nodes: list[onnx.NodeProto], opset: int, thin: Set[str], single: Set[str]) -> onnx.FunctionProto:
    """`thin`: tensors whose last axis has length 1; `single`: weights of one element."""
    attributes = [attributes_of(node) for node in nodes]
    parameters = [at for at, p in enumerate(op.inputs) if p.name in ("scale", "weight")]
    flat = op.neuron and any(node.input[0] in thin for node in nodes)
    flat = flat and all(node.input[at] in single for node in nodes for at in parameters)
    return op.function(op.length(attributes[0]), opset, op.short_body(attributes), flat=flat)
