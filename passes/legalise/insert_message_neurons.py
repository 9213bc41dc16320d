# SPDX-License-Identifier: Apache-2.0
"""aggregate(synapse(x)) -> aggregate(spikes(synapse(x))): one spiking layer per step of a graph convolution.

Message passing x W and aggregation A (x W) have no ReLU in between (one_spike.txt, section IV-D), so that a neuron
there must send both signs: a neuron with the sign of its potential or, if the coding has none, a pair of ReLUs of
opposite polarity. Neurons are inserted where one synapse feeds another and one of the two aggregates. Aggregating ops
are Aggregate, and MatMul with a square constant left operand, which mixes nodes as well. Other layers are unchanged.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from snncc.ir.graph import Graph, Node, Tensor
from snncc.ir.op_sets import MOVES, WEIGHTED
from snncc.ir.provenance import MESSAGE, Provenance
from snncc.passes.base import Pass
from snncc.passes.legalise.split_leaky_relu import split_leaky

__all__ = ["InsertMessageNeurons", "aggregates"]

_PASSING = (*MOVES, "Add", "Sub", "Sum", "Mul", "Div", "BatchNormalization")


@dataclass(frozen=True)
class InsertMessageNeurons(Pass):
    """synapse(x) -> LeakyRelu(synapse(x)) with slope 1, or its two ReLUs unless `signed`."""

    name: ClassVar[str] = "spike-messages"
    signed: bool

    def run(self, graph: Graph) -> int:
        """Insert an activation site on every such potential, shared by all its users."""
        potentials: dict[int, tuple[Tensor, list[Node]]] = {}
        summed = _sums_of_synapses(graph)
        for node in graph.nodes():
            source = _fed_by(graph, node)
            if source is not None and id(source) in summed and (aggregates(graph, node) or summed[id(source)]):
                potentials.setdefault(id(source), (source, []))[1].append(node)
        for source, readers in potentials.values():
            name = f"{source.name}_as_spikes"
            known = Provenance(source.name, source.name, MESSAGE)
            message = graph.add("LeakyRelu", [source], name=name, attrs={"alpha": 1.0}, provenance=known)
            for reader in readers:
                reader.inputs = [message if t is source else t for t in reader.inputs]
            leaky = graph.producer(message)
            if not self.signed and leaky is not None:
                with graph.rewriting(leaky):
                    split_leaky(graph, leaky, 1.0)
        return len(potentials)


def aggregates(graph: Graph, node: Node) -> bool:
    """Whether `node` sums over the nodes of a graph."""
    if node.op == "Aggregate":
        return True
    matrix = graph.value(node.inputs[0]) if node.op == "MatMul" else None
    return matrix is not None and matrix.ndim == 2 and matrix.shape[0] == matrix.shape[1]


def _fed_by(graph: Graph, node: Node) -> Tensor | None:
    """The non-constant inputs of a synaptic layer; None for other nodes."""
    if node.op not in WEIGHTED:
        return None
    return next((t for t in node.inputs if graph.value(t) is None), None)


def _sums_of_synapses(graph: Graph) -> dict[int, bool]:
    """By id, the tensors that are sums of synaptic layers, with only linear ops in between.

    The value is whether one of these layers sums over the nodes of a graph.
    """
    found: dict[int, bool] = {}
    for node in graph.nodes():
        if node.op in WEIGHTED:
            found.update({id(t): aggregates(graph, node) for t in node.outputs})
        elif node.op in _PASSING and any(id(t) in found for t in node.inputs):
            found.update({id(t): any(found.get(id(s)) for s in node.inputs) for t in node.outputs})
    return found
