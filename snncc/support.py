# SPDX-License-Identifier: Apache-2.0
"""Which nodes can be converted, and for all the others why not."""

from __future__ import annotations

from collections.abc import Iterable

from snncc.errors import UnsupportedOpError
from snncc.graph import Graph, Node

__all__ = ["LINEAR", "MOVES", "POOLS", "clip_obstacle", "refuse_unsupported"]

# The synapses: linear in the activation. Then what only moves values, and what pools them.
LINEAR = frozenset({"Conv", "ConvTranspose", "Gemm", "MatMul", "BatchNormalization", "Add", "Sum", "Sub", "Mul", "Div"})
MOVES = frozenset(
    {"Flatten", "Reshape", "Transpose", "Squeeze", "Unsqueeze", "Pad", "Slice", "Concat", "Identity", "Dropout"}
)
POOLS = frozenset({"MaxPool", "AveragePool", "GlobalAveragePool", "ReduceMean"})
_ACTIVATIONS = frozenset({"Relu", "Clip"})
_TAIL = frozenset({"Softmax", "LogSoftmax", "ArgMax", "Sigmoid"})  # fine behind the last synapses, nowhere else


def refuse_unsupported(graph: Graph, name: str) -> None:
    """Raise UnsupportedOpError with all nodes that are neither synapse nor neuron, grouped by op."""
    reasons: dict[str, list[str]] = {}
    for node in graph.nodes():
        reason = _obstacle(graph, node)
        if reason:
            reasons.setdefault(f"{node.op}: {reason}", []).append(node.name)
    if reasons:
        lines = [f"  {reason}: {_listed(nodes)}" for reason, nodes in sorted(reasons.items())]
        count = sum(map(len, reasons.values()))
        text = f"{name}: {count} node(s) cannot become synapses or neurons\n" + "\n".join(lines)
        raise UnsupportedOpError(f"{text}\nReplace them in the source model, or cut the graph before them.")


def _listed(names: Iterable[str], most: int = 6) -> str:
    quoted = [f"'{n}'" for n in names]
    return ", ".join(quoted[:most]) + (f" and {len(quoted) - most} more" if len(quoted) > most else "")


def _obstacle(graph: Graph, node: Node) -> str | None:
    """Why `node` cannot be converted, None if it can."""
    if node.domain not in (None, "", "ai.onnx"):
        return f"domain '{node.domain}' is unknown"
    if node.op in ("Conv", "ConvTranspose", "Gemm", "BatchNormalization"):
        dynamic = [t.name for t in node.inputs[1:] if t.name and graph.value(t) is None]
        return f"dynamic weight '{dynamic[0]}', export with constant folding" if dynamic else None
    if node.op in ("MatMul", "Mul", "Div", "Sub"):
        computed = [t for t in node.inputs if graph.value(t) is None]
        if node.op == "Sub" or len(computed) < 2:
            return None if node.op != "Div" or graph.value(node.inputs[1]) is not None else "divides by an activation"
        return "product of two activations" if node.op != "Div" else "quotient of two activations"
    if node.op == "Clip":
        return clip_obstacle(graph, node)
    if node.op in _TAIL:
        return None if _leads_out(graph, node) else "not linear, in the middle of the network"
    known = LINEAR | MOVES | POOLS | _ACTIVATIONS
    return None if node.op in known else "not supported"


def clip_obstacle(graph: Graph, node: Node) -> str | None:
    """Why a Clip is no ReLU with a ceiling, None if it is one."""
    bounds = [graph.value(t) if t.name else None for t in node.inputs[1:]]
    if not bounds or bounds[0] is None or float(bounds[0]) != 0.0:
        return "lower bound is not the constant 0"
    if len(bounds) > 1 and node.inputs[2].name and (bounds[1] is None or not float(bounds[1]) > 0):
        return "upper bound is not a positive constant"
    return None


def _leads_out(graph: Graph, node: Node) -> bool:
    """Whether nothing but outputs and shape changes follow `node`."""
    users = [u for out in node.outputs for u in graph.users(out)]
    return all(u.op in MOVES and _leads_out(graph, u) for u in users)
