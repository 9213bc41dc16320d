# SPDX-License-Identifier: Apache-2.0
"""Synaptic layers that read sums of synaptic layers: no ReLU, and so no neuron, stands between the two."""

from __future__ import annotations

from math import prod

from snncc.ir.graph import Graph, Node, Tensor
from snncc.ir.op_sets import MOVES, WEIGHTED

__all__ = ["aggregates", "computed_input", "share_of_analog_inputs", "sums_of_synapses"]

_PASSING = (*MOVES, "Add", "Sub", "Sum", "BatchNormalization")


def aggregates(graph: Graph, node: Node) -> bool:
    """Whether `node` sums over the nodes of a graph."""
    if node.op == "Aggregate":
        return True
    matrix = graph.value(node.inputs[0]) if node.op == "MatMul" else None
    return matrix is not None and matrix.ndim == 2 and matrix.shape[0] == matrix.shape[1]


def computed_input(graph: Graph, node: Node) -> Tensor | None:
    """The non-constant input of a synaptic layer; None for other nodes."""
    if node.op not in WEIGHTED:
        return None
    return next((t for t in node.inputs if graph.value(t) is None), None)


def sums_of_synapses(graph: Graph) -> dict[int, bool]:
    """By id, the tensors that are sums of synaptic layers, with only linear ops in between.

    The value is whether one of these layers sums over the nodes of a graph.
    """
    found: dict[int, bool] = {}
    for node in graph.nodes():
        if node.op in WEIGHTED:
            found.update({id(t): aggregates(graph, node) for t in node.outputs})
        elif _passes(graph, node) and any(id(t) in found for t in node.inputs):
            found.update({id(t): any(found.get(id(s)) for s in node.inputs) for t in node.outputs})
    return found


def _passes(graph: Graph, node: Node) -> bool:
    """Whether the output of `node` is a linear function of its inputs."""
    if node.op in ("Mul", "Div"):
        return sum(graph.value(t) is None for t in node.inputs) == 1
    return node.op in _PASSING


def share_of_analog_inputs(graph: Graph) -> float:
    """The share of the multiply-accumulates of a sample in layers that read such sums; 0 without synaptic layers."""
    summed, total, analog = sums_of_synapses(graph), 0, 0
    for node in graph.nodes(*WEIGHTED):
        source, made = computed_input(graph, node), _macs(graph, node)
        total += made
        analog += made if source is not None and id(source) in summed else 0
    return analog / total if total else 0.0


def _macs(graph: Graph, node: Node) -> int:
    """Multiply-accumulates of a sample, padding included; open axes count as 1."""
    weights = [v.size for t in node.inputs[:2] if (v := graph.value(t)) is not None]
    shape = graph.shape(node.inputs[0] if node.op == "ConvTranspose" else node.outputs[0]) or ()
    if node.op == "MatMul" and graph.value(node.inputs[1]) is None:
        facing = (graph.shape(node.inputs[0]) or (1,))[-1:]
        return prod(d if isinstance(d, int) else 1 for d in (*shape[1:], *facing))
    places = shape[2:] if node.op.startswith("Conv") else shape[1:-1]
    return sum(weights) * prod(d if isinstance(d, int) else 1 for d in places)
