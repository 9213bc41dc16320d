# SPDX-License-Identifier: Apache-2.0
"""What activations are: spikes, an analog input of the network, or values that ops compute.

Spikes are the outputs of neurons, or of activation sites in a prepared network, and what is computed from them by ops
that only move, scale, average or add. The same ops leave an analog input an analog input.
"""

from __future__ import annotations

from enum import Enum

from snncc.analysis.activation_sites import NEURONS, is_signed
from snncc.analysis.integer_inputs import activation_sources, is_integer
from snncc.analysis.network_view import PASSING
from snncc.ir.graph import Graph, Node, Tensor
from snncc.ir.nodes import is_neuron
from snncc.ops import DOMAIN, get

__all__ = ["Kind", "activation_inputs", "coded_products", "kinds"]


class Kind(Enum):
    """What an activation is."""

    SPIKES = "spikes"
    INPUT = "input"
    VALUES = "values"


def kinds(graph: Graph) -> dict[int, Kind]:
    """The kind of each activation, by id of the tensor; other tensors, such as weights and shapes, have none."""
    found = {id(t): Kind.INPUT for t in activation_sources(graph)}
    for node in graph.nodes():
        read = {id(t): found[id(t)] for t in graph.reads(node) if id(t) in found}
        if read and id(node.outputs[0]) not in found:
            kind = _kind(graph, node, list(read.values()))
            found.update({id(t): kind for t in node.outputs if t.name and not is_integer(t)})
    return found


def activation_inputs(node: Node, found: dict[int, Kind]) -> list[Tensor]:
    """The inputs of `node` that are activations, each once."""
    return list({id(t): t for t in node.inputs if id(t) in found}.values())


def coded_products(graph: Graph) -> list[Node]:
    """The products of two activations of which all are estimates that neurons send: a change of one costs additions
    of the other.
    """
    products = [n for n in graph.nodes("MatMul") if all(graph.value(t) is None for t in n.inputs)]
    sends = any(get(n.op).spike_values is not None for n in graph.nodes() if is_neuron(n))
    if not products or not sends:
        return []
    found = kinds(graph)
    read = ((node, activation_inputs(node, found)) for node in products)
    return [n for n, ts in read if len(ts) > 1 and all(found[id(t)] is Kind.SPIKES for t in ts)]


def _kind(graph: Graph, node: Node, read: list[Kind]) -> Kind:
    if node.op == "Relu" or is_signed(node) or (node.domain == DOMAIN and is_neuron(node)):
        return Kind.SPIKES
    bounded = node.op == "Min" and any(p.op in NEURONS for t in node.inputs if (p := graph.producer(t)) is not None)
    product = node.op in ("Mul", "Div") and len(read) > 1
    passes = (node.op in PASSING or bounded) and not product
    return read[0] if passes and len(set(read)) == 1 else Kind.VALUES
