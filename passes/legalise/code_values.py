# SPDX-License-Identifier: Apache-2.0
"""synapse(f(x)) -> synapse(spikes(f(x))): neurons on all values that synapses and products of activations read.

For codings whose time steps are estimates of whole values, so that any f is computed on estimates: GELU, LayerNorm,
softmax, a product of gate and activation. The neuron codes f(x), of either sign, and sends its changes. Where a value
is only moved between f and the synapse, the neuron is at the place with the most channels, since each has its own
scale. Residual sums that no synapse reads stay values, and so does the input of the network.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from snncc.analysis.channel_axis import channel_axis
from snncc.analysis.coded_values import Kind, activation_inputs, kinds
from snncc.analysis.linear_inputs import sums_of_synapses
from snncc.analysis.sample_rows import with_rows_of_samples
from snncc.ir.graph import Graph, Node, Tensor
from snncc.ir.op_sets import WEIGHTED
from snncc.ir.provenance import MESSAGE, VALUE, Provenance
from snncc.passes.base import Pass

__all__ = ["CodeValues"]

_Way = list[tuple[Tensor, Node]]  # (value, the node that reads it)
_MOVES = frozenset({"Dropout", "Flatten", "Identity", "Reshape", "Squeeze", "Transpose", "Unsqueeze"})  # of all values


@dataclass(frozen=True)
class CodeValues(Pass):
    """f(x) -> LeakyRelu(f(x)) with slope 1, an activation site, for the synapses that read it.

    A sum of synapses is read as spikes by all its users. Both sides of a product are coded.
    """

    name: ClassVar[str] = "code-values"

    def run(self, graph: Graph) -> int:
        """Insert a site on each such value, shared by its readers."""
        found, sums = kinds(graph), sums_of_synapses(graph)
        ways: list[tuple[_Way, bool]] = []
        for node in graph.nodes(*WEIGHTED):
            read = activation_inputs(node, found)
            for tensor in read:
                if found[id(tensor)] is Kind.VALUES or (len(read) > 1 and found[id(tensor)] is Kind.INPUT):
                    ways += [(way, len(read) > 1) for way in _ways(graph, tensor, node, found)]
        rows = with_rows_of_samples(graph, [t for way, _ in ways for t, _ in way])
        places: dict[int, tuple[Tensor, list[Node], bool]] = {}
        for way, product in ways:
            fitting = [step for step in reversed(way) if id(step[0]) in rows]  # where one is not, values stay
            if fitting:
                tensor, reader = max(fitting, key=lambda step: _channels(graph, step[0]))
                _, readers, others = places.get(id(tensor), (tensor, [], False))
                origin = graph.producer(way[-1][0])
                made = origin is not None and len(activation_inputs(origin, found)) > 1 and origin.op == "MatMul"
                places[id(tensor)] = (tensor, [*readers, reader], others or product or made)
        for tensor, readers, beside_product in places.values():
            summed = id(tensor) in sums and not beside_product
            _insert(graph, tensor, graph.users(tensor) if summed else readers, MESSAGE if summed else VALUE)
        return len(places)


def _ways(graph: Graph, tensor: Tensor, reader: Node, found: dict[int, Kind]) -> Iterator[_Way]:
    """For each part of `tensor` that is to be coded: the places of its values, from `reader` back to their origin."""
    way = [(tensor, reader)]
    while (producer := graph.producer(tensor)) is not None and producer.op in _MOVES:
        tensor, reader = producer.inputs[0], producer
        way.append((tensor, reader))
    parts = [] if producer is None or producer.op != "Concat" else activation_inputs(producer, found)
    if producer is None or not any(found[id(t)] is Kind.SPIKES for t in parts):
        yield way
        return
    for part in parts:
        if found[id(part)] is not Kind.SPIKES:
            yield from _ways(graph, part, producer, found)


def _channels(graph: Graph, tensor: Tensor) -> int:
    """The number of channels, each of which has a scale; 1 if it is not known."""
    shape, axis = graph.shape(tensor) or (), channel_axis(graph, tensor)
    count = shape[axis] if axis is not None else shape[-1] if len(shape) == 2 else 1
    return count if isinstance(count, int) else 1


def _insert(graph: Graph, tensor: Tensor, readers: list[Node], op: str) -> None:
    """Add a site on `tensor` whose spikes the `readers` read."""
    name = f"{tensor.name}_as_spikes"
    known = Provenance(tensor.name, tensor.name, op)
    spikes = graph.add("LeakyRelu", [tensor], name=name, attrs={"alpha": 1.0}, provenance=known)
    for reader in readers:
        reader.inputs = [spikes if t is tensor else t for t in reader.inputs]
