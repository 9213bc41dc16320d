# SPDX-License-Identifier: Apache-2.0
"""Classify a node as synapse, shape-only op or activation site, or give the unsupported reason."""

from __future__ import annotations

import numpy as np

from snncc.analysis.recurrent_layers import unsupported_recurrent
from snncc.analysis.resize import unsupported_resize
from snncc.ir.graph import Graph, Node
from snncc.ir.op_sets import LINEAR, MOVES, POOLS, RECURRENT, TAIL
from snncc.ops import DOMAIN

__all__ = ["feeds_outputs_only", "unsupported_clip", "unsupported_reason"]

_ACTIVATIONS = frozenset({"Relu", "Clip"})
_ONNXRUNTIME = ("com.microsoft", "com.ms.internal")


def unsupported_reason(graph: Graph, node: Node) -> str | None:
    """Why `node` cannot be converted, None if it can."""
    if node.domain == DOMAIN and node.op == "Aggregate":
        return None
    if node.domain not in (None, "", "ai.onnx"):
        own = node.domain.startswith(_ONNXRUNTIME)
        return f"an op of onnxruntime's own, of domain '{node.domain}'" if own else f"domain '{node.domain}' is unknown"
    if node.op in ("Conv", "ConvTranspose", "Gemm", "BatchNormalization"):
        dynamic = [t.name for t in node.inputs[1:] if t.name and graph.value(t) is None]
        return f"dynamic weight '{dynamic[0]}', export with constant folding" if dynamic else None
    if node.op in ("MatMul", "Mul", "Div", "Sub"):
        computed = [t for t in node.inputs if graph.value(t) is None]
        if node.op == "Sub" or len(computed) < 2:
            return None if node.op != "Div" or graph.value(node.inputs[1]) is not None else "divides by an activation"
        return "product of two activations" if node.op != "Div" else "quotient of two activations"
    if node.op == "Clip":
        return unsupported_clip(graph, node)
    if node.op in RECURRENT:
        return unsupported_recurrent(graph, node)
    if node.op == "Resize":
        return unsupported_resize(graph, node)
    if node.op in ("Gather", "Expand"):
        constant = graph.value(node.inputs[1]) is not None and graph.value(node.inputs[0]) is None
        return None if constant else "its indices are computed" if node.op == "Gather" else "its shape is computed"
    if node.op in TAIL:
        return None if feeds_outputs_only(graph, node) else "not linear, in the middle of the network"
    if node.op == "Cast":  # to the type of an output
        kinds = [np.dtype(t.dtype).kind for t in (node.inputs[0], node.outputs[0]) if t.dtype is not None]
        return None if kinds == ["f", "f"] and feeds_outputs_only(graph, node) else "not supported"
    known = LINEAR | MOVES | POOLS | _ACTIVATIONS
    return None if node.op in known else "not supported"


def unsupported_clip(graph: Graph, node: Node) -> str | None:
    """Why a Clip is not a ReLU with an upper bound, None if it is one."""
    bounds = [graph.value(t) if t.name else None for t in node.inputs[1:]]
    if not bounds or bounds[0] is None or bounds[0].size != 1 or bounds[0].item() != 0:
        return "lower bound is not the constant 0"
    if (
        len(bounds) > 1
        and node.inputs[2].name
        and (bounds[1] is None or bounds[1].size != 1 or not bounds[1].item() > 0)
    ):
        return "upper bound is not a positive constant"
    return None


def feeds_outputs_only(graph: Graph, node: Node) -> bool:
    """Whether only outputs and shape-only ops follow `node`."""
    met, pending = {id(node)}, [node]
    while pending:
        for user in (u for out in pending.pop().outputs for u in graph.users(out)):
            if user.op not in MOVES:
                return False
            if id(user) not in met:
                met.add(id(user))
                pending.append(user)
    return True
