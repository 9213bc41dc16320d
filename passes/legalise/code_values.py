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
from math import prod
from typing import ClassVar

from snncc.analysis.batch_axis import batch_axes
from snncc.analysis.channel_axis import channel_axis
from snncc.analysis.coded_values import Kind, activation_inputs, kinds
from snncc.analysis.linear_inputs import sums_of_synapses
from snncc.ir.graph import Graph, Node, Tensor
from snncc.ir.op_sets import WEIGHTED
from snncc.ir.provenance import MESSAGE, VALUE, Provenance
from snncc.passes.base import Pass

__all__ = ["CodeValues"]


@dataclass(frozen=True)
class CodeValues(Pass):
    """f(x) -> LeakyRelu(f(x)) with slope 1, an activation site, for the synapses that read it.

    A sum of synapses is read as spikes by all its users. Both sides of a product are coded.
    """

    name: ClassVar[str] = "code-values"

    def run(self, graph: Graph) -> int:
        """Insert a site on each such value, shared by its readers."""
        found, sums, axes = kinds(graph), sums_of_synapses(graph), batch_axes(graph)
        places: dict[int, tuple[Tensor, list[Node], bool]] = {}
        for node in graph.nodes(*WEIGHTED):
            read = activation_inputs(node, found)
            for tensor in read:
                if found[id(tensor)] is Kind.VALUES or (len(read) > 1 and found[id(tensor)] is Kind.INPUT):
                    for place, reader in _places(graph, tensor, node, found):
                        if not axes or axes.get(id(place)) == 0:
                            known = places.setdefault(id(place), (place, [], False))
                            places[id(place)] = (place, [*known[1], reader], known[2] or len(read) > 1)
        for tensor, readers, product in places.values():
            summed = id(tensor) in sums and not product
            _insert(graph, tensor, graph.users(tensor) if summed else readers, MESSAGE if summed else VALUE)
        return len(places)


def _places(graph: Graph, tensor: Tensor, reader: Node, found: dict[int, Kind]) -> Iterator[tuple[Tensor, Node]]:
    """Where neurons code `tensor` for `reader`: (value, the node that reads the spikes)."""
    best = (tensor, reader)
    while (producer := graph.producer(tensor)) is not None and _moves_rows(graph, producer):
        tensor, reader = producer.inputs[0], producer
        if _channels(graph, tensor) >= _channels(graph, best[0]):
            best = (tensor, reader)
    parts = [] if producer is None or producer.op != "Concat" else activation_inputs(producer, found)
    if not any(found[id(t)] is Kind.SPIKES for t in parts):
        yield best
        return
    for part in parts:
        if found[id(part)] is not Kind.SPIKES:
            assert producer is not None
            yield from _places(graph, part, producer, found)


def _moves_rows(graph: Graph, node: Node) -> bool:
    """Whether `node` moves all values of its input, each within its row."""
    if node.op == "Transpose":
        return bool((node.attrs.get("perm") or [-1])[0] == 0)
    if node.op != "Reshape":
        return node.op in ("Dropout", "Identity")
    before, after = (graph.shape(t) for t in (node.inputs[0], node.outputs[0]))
    if not before or not after:
        return False
    inner = [*before[1:], *after[1:]]
    known = all(isinstance(d, int) for d in inner) and prod(before[1:]) == prod(after[1:])  # type: ignore[arg-type]
    return known or (before[0] is not None and before[0] == after[0])


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
