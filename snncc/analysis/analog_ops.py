# SPDX-License-Identifier: Apache-2.0
"""Analog ops: neither synapses nor neurons, but functions of each sample's values.

Any such function can be computed between a decoder and an encoder. It stays an op of the ANN, is named in the report,
and has the same cost as there. Ops that compare, select or count are analog ops, too, with all integers and booleans
computed from them.
"""

from __future__ import annotations

import numpy as np

from snncc.analysis.activation_sites import NEURONS, is_signed
from snncc.analysis.coded_values import coded_products
from snncc.analysis.convertibility import feeds_outputs_only, unsupported_clip
from snncc.analysis.integer_inputs import integer_tensors, is_integer
from snncc.ir.graph import Graph, Node
from snncc.ir.op_sets import ANALOG, CHOICES, CONTROL_FLOW, MOVES, RANDOM, RECURRENT, SHAPE_OPS, TAIL
from snncc.ops import DOMAIN

__all__ = ["analog_ops", "endings", "is_analog_op", "may_stay_analog", "reads_values"]

_NO_FUNCTIONS = (*CONTROL_FLOW, "Optional", "Sequence", "SplitToSequence", "String")
_NEVER = RANDOM | {"ConcatFromSequence", "ImageDecoder", "RegexFullMatch"}


def is_analog_op(graph: Graph, node: Node, beside: set[int]) -> bool:
    """Whether `node` is a non-linear function of its inputs other than a neuron.

    `beside` are the tensors that are computed of integer inputs and shapes alone.
    """
    if node.op in RECURRENT:  # its gates spike, but not in the code of the network around it
        return True
    if node.domain == DOMAIN or is_signed(node):
        return False
    if node.op in TAIL and feeds_outputs_only(graph, node):
        return False
    if _chooses(graph, node, beside):
        return True
    if node.op not in ANALOG:
        return False
    computed = [t for t in graph.reads(node) if graph.value(t) is None]
    if node.op in ("Mul", "MatMul"):
        return len(computed) > 1
    if node.op == "Div":
        return graph.value(node.inputs[1]) is None
    if node.op == "Clip":
        return unsupported_clip(graph, node) is not None
    if node.op == "Min":  # an upper bound belongs to the neuron after or before it
        return len(computed) > 1
    return True


def _chooses(graph: Graph, node: Node, beside: set[int]) -> bool:
    """Whether `node` compares, selects or counts, or computes with such results."""
    if node.op in SHAPE_OPS or node.op.startswith(_NO_FUNCTIONS) or node.op in _NEVER:
        return False
    if node.op in CHOICES:
        return True
    if node.op == "Gather" and graph.value(node.inputs[1]) is None:
        return True
    results = [t for t in node.outputs if t.name and (graph.users(t) or graph.is_output(t))]
    computed = [t for t in node.inputs if t.name and graph.value(t) is None and id(t) not in beside]
    return any(is_integer(t) for t in (*results, *computed))


def reads_values(graph: Graph, node: Node, beside: set[int]) -> bool:
    """Whether `node` compares, selects or counts exact values, which coded values cannot replace, or only rearranges
    the inputs of such nodes.
    """
    if _chooses(graph, node, beside):
        return True
    users = [u for t in node.outputs for u in graph.users(t)]
    inside = bool(users) and not any(graph.is_output(t) for t in node.outputs)
    return inside and node.op in MOVES and all(reads_values(graph, u, beside) for u in users)


def may_stay_analog(graph: Graph, node: Node, beside: set[int]) -> bool:
    """Whether `node`, which is neither synapse nor neuron, may be an analog op of the spiking network."""
    if node.domain not in (None, "", "ai.onnx"):
        return False
    real = all(t.dtype is None or np.dtype(t.dtype).kind == "f" for t in node.outputs)
    return (node.op in ANALOG and real) or _chooses(graph, node, beside)


def analog_ops(graph: Graph) -> list[Node]:
    """All analog ops, in topological order; products that spikes drive are none."""
    beside, driven = integer_tensors(graph), {id(n) for n in coded_products(graph)}
    found = [n for n in graph.nodes() if is_analog_op(graph, n, beside) and id(n.outputs[0]) not in beside]
    return [n for n in found if id(n) not in driven]


def endings(graph: Graph) -> list[Node]:
    """Nodes after the last neurons that compare, select or count; their successors; and analog ops that only lead to
    them.

    It is computed once, of the complete values. In topological order.
    """
    beside, nodes = integer_tensors(graph), graph.nodes()
    spiking = _leading_to_neurons(graph, nodes)
    found: dict[int, Node] = {}
    for node in nodes:
        behind = any(id(p) in found for t in node.inputs if (p := graph.producer(t)) is not None)
        begins = (
            id(node.outputs[0]) not in beside and is_analog_op(graph, node, beside) and _chooses(graph, node, beside)
        )
        if (behind or begins) and id(node) not in spiking:
            found[id(node)] = node
    chosen = {id(n) for n in analog_ops(graph)}
    for node in reversed(nodes):
        users = [u for t in node.outputs for u in graph.users(t)]
        within = users and all(id(u) in found for u in users) and not any(graph.is_output(t) for t in node.outputs)
        if within and (id(node) in chosen or node.op in MOVES) and id(node) not in spiking:
            found[id(node)] = node
    return [n for n in nodes if id(n) in found]


def _leading_to_neurons(graph: Graph, nodes: list[Node]) -> set[int]:
    """The ids of the nodes that are neurons or that neurons follow."""
    found: set[int] = set()
    for node in reversed(nodes):
        neuron = node.op in (*NEURONS, *RECURRENT, "Scan") or node.domain == DOMAIN
        if neuron or any(id(u) in found for t in node.outputs for u in graph.users(t)):
            found.add(id(node))
    return found
