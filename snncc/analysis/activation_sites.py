# SPDX-License-Identifier: Apache-2.0
"""The nodes of a prepared network that neurons will stand for.

They are ReLUs and, for neurons whose spikes carry the sign of their potential, leaky ReLUs of slope 1: they change
nothing.
"""

from __future__ import annotations

from snncc.ir.graph import Graph, Node

__all__ = ["NEURONS", "neurons_to_be", "sends_both_signs"]

NEURONS = ("Relu", "LeakyRelu")


def sends_both_signs(node: Node) -> bool:
    """Whether `node` will be a neuron that codes the magnitude of its potential and carries the sign."""
    return bool(node.op == "LeakyRelu" and node.attrs.get("alpha") == 1.0)


def neurons_to_be(graph: Graph) -> list[Node]:
    """All of them, in topological order."""
    return [n for n in graph.nodes(*NEURONS) if n.op == "Relu" or sends_both_signs(n)]
