# SPDX-License-Identifier: Apache-2.0
"""Find tensors with time steps stacked on the batch axis, and tensors that depend on the input alone.

Steps begin at a neuron of an op that runs over time, or at an encoder of slices; they end at a Readout.
"""

from __future__ import annotations

from snncc.ir.graph import Graph, Node, Tensor
from snncc.ir.op_sets import SHAPE_OPS
from snncc.ops import DOMAIN, get

__all__ = ["READERS", "active", "begins_steps", "in_front_of_readout", "spread_steps", "stacked"]

READERS = ("Readout", "LastStep")  # what takes steps and gives one value


def begins_steps(node: Node) -> bool:
    """Whether the output of `node` is stacked, independent of its inputs."""
    return node.domain == DOMAIN and bool(get(node.op).stacks)


def stacked(graph: Graph) -> set[int]:
    """The ids of the tensors that hold stacked steps."""
    found: set[int] = set()
    for node in graph.nodes():
        if node.op in READERS or _cuts(node):
            continue
        if begins_steps(node) or (node.op not in SHAPE_OPS and any(id(t) in found for t in graph.reads(node))):
            found.update(id(t) for t in node.outputs)
    return found


def _cuts(node: Node) -> bool:
    """Whether `node` selects the last of several slices."""
    return bool(node.op == "Split" and node.attrs.get("axis", 0) == 0)


def spread_steps(graph: Graph, tensor: Tensor, found: set[int]) -> None:
    """Add to `found`, the ids of stacked tensors, those that are stacked because `tensor` is."""
    maker = graph.producer(tensor)
    pending = [maker] if maker is not None else []
    while pending:
        node = pending.pop()
        if node.op in READERS or _cuts(node) or id(node.outputs[0]) in found:
            continue
        if begins_steps(node) or (node.op not in SHAPE_OPS and any(id(t) in found for t in graph.reads(node))):
            found.update(id(t) for t in node.outputs)
            pending += [user for out in node.outputs for user in graph.users(out)]


def active(graph: Graph) -> set[int]:
    """The ids of the tensors that depend on the values of the network's inputs."""
    found = {id(t) for t in graph.inputs}
    for node in graph.nodes():
        if node.op not in SHAPE_OPS and any(id(t) in found for t in graph.reads(node)):
            found.update(id(t) for t in node.outputs)
    return found


def in_front_of_readout(graph: Graph, tensor: Tensor) -> Tensor:
    """The step-by-step potential from which `tensor` is read; `tensor` itself if it is not a readout."""
    node = graph.producer(tensor)
    if node is None or not graph.has_role(node, "readout"):
        return tensor
    return in_front_of_readout(graph, node.inputs[0])
