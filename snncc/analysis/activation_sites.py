# SPDX-License-Identifier: Apache-2.0
"""Activation sites: the nodes of a prepared network that neurons will replace.

They are ReLUs and, for neurons whose spikes carry the sign of their potential, leaky ReLUs of slope 1, which are the
identity.
"""

from __future__ import annotations

from typing import Any

from snncc.ir.graph import Graph, Node, Tensor

__all__ = ["NEURONS", "activation_nodes", "ceiling_behind", "is_signed", "neuron_output"]

NEURONS = ("Relu", "LeakyRelu")


def is_signed(node: Node) -> bool:
    """Whether `node` becomes a neuron that codes the magnitude of its potential, with its sign."""
    return bool(node.op == "LeakyRelu" and node.attrs.get("alpha") == 1.0)


def activation_nodes(graph: Graph) -> list[Node]:
    """All activation sites, in topological order."""
    return [n for n in graph.nodes(*NEURONS) if n.op == "Relu" or is_signed(n)]


def ceiling_behind(graph: Graph, relu: Node) -> tuple[Node, Tensor] | None:
    """(the Min node, its constant) if `relu` is the first half of a split Clip, else None."""
    user = graph.sole_user(relu.outputs[0])
    if user is None or user.op != "Min" or len(user.inputs) != 2:
        return None
    bound = user.inputs[1] if user.inputs[0] is relu.outputs[0] else user.inputs[0]
    return (user, bound) if graph.value(bound) is not None else None


def neuron_output(graph: Graph, relu: Node) -> Any:
    """The output of the future neuron of `relu`: the output of `relu`, or of the upper bound after it."""
    ceiling = ceiling_behind(graph, relu)
    return ceiling[0].outputs[0] if ceiling else relu.outputs[0]
