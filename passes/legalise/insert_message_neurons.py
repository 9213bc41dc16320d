# SPDX-License-Identifier: Apache-2.0
"""aggregate(synapse(x)) -> aggregate(spikes(synapse(x))): one spiking layer per step of a graph convolution.

Message passing x W and aggregation A (x W) have no ReLU in between (one_spike.txt, section IV-D), so that a neuron
there must send both signs: a neuron with the sign of its potential or, if the coding has none, a pair of ReLUs of
opposite polarity. Neurons are inserted where one synapse feeds another and one of the two aggregates. Aggregating ops
are Aggregate, and MatMul with a square constant left operand, which mixes nodes as well.

With `linear`, neurons are inserted wherever one synapse feeds another, such as at the linear bottlenecks of MobileNet
v2, and all that reads the sum reads its spikes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from snncc.analysis.linear_inputs import aggregates, computed_input, sums_of_synapses
from snncc.ir.graph import Graph, Node, Tensor
from snncc.ir.provenance import MESSAGE, Provenance
from snncc.passes.base import Pass
from snncc.passes.legalise.split_leaky_relu import split_leaky

__all__ = ["InsertMessageNeurons"]


@dataclass(frozen=True)
class InsertMessageNeurons(Pass):
    """synapse(x) -> LeakyRelu(synapse(x)) with slope 1, or its two ReLUs unless `signed`."""

    name: ClassVar[str] = "spike-messages"
    signed: bool
    linear: bool = False

    def run(self, graph: Graph) -> int:
        """Insert an activation site on every such potential, shared by all its users."""
        potentials: dict[int, tuple[Tensor, list[Node]]] = {}
        summed = sums_of_synapses(graph)
        for node in graph.nodes():
            source = computed_input(graph, node)
            if source is None or id(source) not in summed:
                continue
            if self.linear:
                potentials[id(source)] = (source, graph.users(source))
            elif aggregates(graph, node) or summed[id(source)]:
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
