# SPDX-License-Identifier: Apache-2.0
"""Analog islands: ops that are neither synapses nor neurons, but a function of each sample's values.

What is decoded in front of one and coded again behind it may pass through any such function; it stays an op of the ANN,
is named in the report, and costs what it costs there.
"""

from __future__ import annotations

from snncc.graph import Graph, Node
from snncc.obstacles import clip_obstacle, leads_out
from snncc.ops import DOMAIN
from snncc.passes.neurons_to_be import sends_both_signs
from snncc.tokens import side_tensors
from snncc.vocabulary import ANALOG, RECURRENT, TAIL

__all__ = ["is_island", "islands"]


def is_island(graph: Graph, node: Node) -> bool:
    """Whether `node` computes something that is not linear in what it is given, and that is no neuron."""
    if node.op in RECURRENT:  # its gates spike, but not in the code of the network around it
        return True
    if node.domain == DOMAIN or node.op not in ANALOG or sends_both_signs(node):
        return False
    computed = [t for t in graph.reads(node) if graph.value(t) is None]
    if node.op in ("Mul", "MatMul"):
        return len(computed) > 1
    if node.op == "Div":
        return graph.value(node.inputs[1]) is None
    if node.op == "Clip":
        return clip_obstacle(graph, node) is not None
    if node.op == "Min":  # a ceiling belongs to the neuron behind or in front of it
        return len(computed) > 1
    return not (node.op in TAIL and leads_out(graph, node))


def islands(graph: Graph) -> list[Node]:
    """All of them, in topological order."""
    beside = side_tensors(graph)
    return [n for n in graph.nodes() if is_island(graph, n) and id(n.outputs[0]) not in beside]
