# SPDX-License-Identifier: Apache-2.0
"""Run the ReLU network in onnxruntime and record the size of its activations, channel by channel.

Memory does not grow with the data: maxima are taken inside the network, percentiles from histograms.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from snncc.analysis.activation_sites import activation_nodes, ceiling_behind, is_signed, neuron_output
from snncc.analysis.channel_axis import broadcast_channels, channel_axis
from snncc.analysis.cpu_session import cpu_session, must_run
from snncc.analysis.integer_inputs import is_integer
from snncc.ir.graph import Graph
from snncc.ir.proto_builder import Builder
from snncc.ir.provenance import VALUE
from snncc.ops.arrays import Array

__all__ = ["ActivationSite", "Maximum", "Observer", "observe", "places"]


@dataclass(frozen=True)
class ActivationSite:
    """The output of an activation site.

    Attributes:
        tensor: its name.
        rank: its rank.
        axis: the axis of its channels; None: a layer without channels.
        ceiling: what no activation exceeds, that of a ReLU6.
        signed: whether it has both signs, so that its magnitude counts.
        relu: the name of the node that becomes the neuron.
        room: the scale of the layer if all its channels are always 0.
        kept: whether the scale stays with the neuron, since no synapse computes its potential.
    """

    tensor: str
    rank: int
    axis: int | None
    ceiling: float = math.inf
    signed: bool = False
    relu: str = ""
    room: float = 1.0
    kept: bool = False

    def broadcast(self, values: Array) -> Array:
        """Values per channel, (channels,), in a shape that broadcasts to the tensor."""
        return broadcast_channels(values, self.axis, self.rank)

    @property
    def others(self) -> tuple[int, ...]:
        """All axes except the channel axis."""
        return tuple(a for a in range(self.rank) if a != self.axis)


class Observer(ABC):
    """Reduces the activations of all batches to one value per channel."""

    @abstractmethod
    def probe(self, build: Builder, place: ActivationSite) -> str:
        """Extend a model by the output that `update` reads; returns its name."""

    @abstractmethod
    def update(self, place: ActivationSite, value: Array) -> None:
        """Add one batch."""

    @abstractmethod
    def result(self, place: ActivationSite) -> Array:
        """One value per channel, (channels,)."""

    def for_code(self, code: Callable[[Array], Array]) -> Observer:  # noqa: ARG002
        """The observer with the same activations and the result for another code; by default the same."""
        return self

    def for_percentile(self, percent: float) -> Observer:
        """The observer with the same activations and another percentile; only for observers that count activations.

        Raises:
            NotImplementedError: it has not.
        """
        raise NotImplementedError

    def counted(self, place: ActivationSite) -> tuple[Array, Array] | None:  # noqa: ARG002
        """Activations above 0, (n,), and their counts per channel, (channels, n); None if not counted."""
        return None


@dataclass
class Maximum(Observer):
    """The largest activation of each channel."""

    _maxima: dict[str, Array] = field(default_factory=dict)

    def probe(self, build: Builder, place: ActivationSite) -> str:
        """ReduceMax over everything but the channels, so that only that leaves the network."""
        axes = build.constant(f"{place.tensor}__axes", np.array(place.others, np.int64))
        return build.node("ReduceMax", [place.tensor, axes], f"{place.tensor}__maximum", keepdims=0)

    def update(self, place: ActivationSite, value: Array) -> None:
        """Keep the larger."""
        value = np.atleast_1d(value)
        self._maxima[place.tensor] = np.maximum(self._maxima.get(place.tensor, value), value)

    def result(self, place: ActivationSite) -> Array:
        """The maxima."""
        return self._maxima[place.tensor].astype(np.float64)


def places(graph: Graph) -> list[ActivationSite]:
    """The outputs of all activation sites, or of the upper bounds after them."""
    found = []
    known: dict[int, int] = {}
    for node in activation_nodes(graph):
        tensor = neuron_output(graph, node)
        rank = len(graph.shape(tensor) or ())
        ceiling = ceiling_behind(graph, node)
        bound = graph.value(ceiling[1]) if ceiling else None
        highest = math.inf if bound is None else float(bound.max())
        axis = channel_axis(graph, node.inputs[0], known)
        kept = graph.provenance(node).op == VALUE
        found.append(ActivationSite(tensor.name, rank, axis, highest, is_signed(node), node.name, kept=kept))
    return found


def observe(
    graph: Graph, sites: list[ActivationSite], observer: Observer, data: Iterable[Mapping[str, Array]]
) -> dict[str, float]:
    """Run `graph` over `data` with the observer at each activation site; returns the largest magnitude of each input.

    Integer inputs have none.
    """
    model = graph.to_proto()
    build = Builder(model)
    outputs = {p.tensor: observer.probe(build, _magnitude(build, p)) for p in sites}
    with must_run("the prepared network"):
        session = cpu_session(model, list(outputs.values()) or None)
    largest = {i.name: 0.0 for i in graph.inputs if not is_integer(i)}
    for batch in data:
        for name, array in batch.items():
            if name not in largest:
                continue
            largest[name] = max(largest[name], float(np.abs(array).max(initial=0.0)))
        with must_run("the prepared network"):
            values = session.run(list(outputs.values()) or None, dict(batch))
        for place, value in zip(sites, values[: len(sites)], strict=True):
            observer.update(place, value)
    return largest


def _magnitude(build: Builder, place: ActivationSite) -> ActivationSite:
    """`place`, or for values of both signs a new one with their magnitudes."""
    if not place.signed:
        return place
    return replace(place, tensor=build.node("Abs", [place.tensor], f"{place.tensor}__magnitude"))
