# SPDX-License-Identifier: Apache-2.0
"""Run both networks batch by batch: the SNN as converted, with all layers exact, then with each one alone."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping

import numpy as np
import onnx

from snncc.analysis.activation_sites import NEURONS, neuron_output
from snncc.analysis.activations import match_activation
from snncc.analysis.network_view import Network
from snncc.analysis.time_stacking import max_batch
from snncc.coding.from_metadata import recorded_bounds, recorded_coding, replaced_relus, spikes_at_sums, units
from snncc.errors import ModelError
from snncc.execution.folded_form import to_folded
from snncc.io.batches import Batch
from snncc.ir.graph import Graph, Node, Tensor
from snncc.ir.nodes import is_neuron, label
from snncc.ops.arrays import Array
from snncc.passes.pipeline import prepared
from snncc.tools.debug.exact_layers import ExactLayers
from snncc.tools.debug.layer_errors import LayerError, LayerErrors

__all__ = ["Comparison", "Watcher"]

Watcher = Callable[[onnx.NodeProto, Array, Array], None]


class Comparison:
    """Sums over the samples so far.

    Args:
        snn: The converted model.
        ann: What it was converted from, as imported.
        device: `auto`, `cpu` or `cuda`.
        cut: whether the networks take batches of any size, so that one may run in parts.
        watch: is shown, batch by batch, each layer's node, the ANN's activations and what the layer sends, decoded.

    Raises:
        ModelError: the metadata are incomplete, or the networks do not match.
    """

    def __init__(
        self, snn: onnx.ModelProto, ann: Graph, device: str, *, cut: bool, watch: Watcher | None = None
    ) -> None:
        coding = recorded_coding(snn)
        if coding is None:
            raise ModelError("the model's metadata name no coding. Give a model that snncc has converted.")
        self._snn, self._device, self._cut, self._watch = to_folded(snn), device, cut, watch
        self._ann = prepared(ann, coding, recorded_bounds(snn), linear=spikes_at_sums(snn))
        self._units = units(snn, (n.name for n in self._snn.graph.node if is_neuron(n)))
        self._replaced = replaced_relus(snn)
        self._samples = 0

    def steps(self, stream: Iterable[Batch]) -> Iterator[None]:
        """Process the samples; yields after each run."""
        for batch in stream:
            if not self._samples:
                self._start({name: array.shape[1:] for name, array in batch.items()})
            count = len(next(iter(batch.values())))
            size = max_batch(self._network.fold, count, self._network.largest) if self._cut else count
            for start in range(0, count, size):
                yield from self._add({name: array[start : start + size] for name, array in batch.items()})

    def result(self) -> LayerErrors:
        """The layers, sorted; at least one batch must have been added."""
        found = []
        for place, node in enumerate(self._switched.neurons):
            signal, magnitude, noise, own = self._sums[place].tolist()
            neurons = math.prod(self._network.shape(node.output[0])[1:])
            error = self._relative(self._outputs[place])
            mean = magnitude / max(neurons * self._samples, 1)
            snrs = _decibel(signal, noise), _decibel(signal, own)
            replaced = self._replaced.get(node.name)
            found.append(LayerError(label(node), node.op_type, replaced, neurons, mean, *snrs, error))
        ranked = sorted(found, key=lambda layer: math.inf if math.isnan(layer.own_snr) else layer.own_snr)
        now, exact = (self._relative(sums) for sums in self._outputs[-2:])
        return LayerErrors(self._samples, now, exact, tuple(ranked))

    def _start(self, shapes: Mapping[str, tuple[int, ...]]) -> None:
        from snncc.runtime import create_session

        self._network = Network(self._snn, shapes)
        ann = self._ann.to_proto()
        tensors = self._activations(Network(ann, shapes))
        self._switched = ExactLayers(self._snn, self._network, self._units, self._ann.element_type())
        self._wanted, self._readout = tensors, ann.graph.output[0].name
        more = dict.fromkeys(tensors.values()).keys() - {value.name for value in ann.graph.output}
        ann.graph.output.extend(onnx.ValueInfoProto(name=name) for name in sorted(more))
        self._reference = create_session(ann, device=self._device)
        self._session = create_session(self._switched.model, device=self._device)
        layers = len(self._switched.neurons)
        self._sums = np.zeros((layers, 4))  # Σ a², Σ |a|, Σ (â - a)², the same with exact inputs
        self._outputs = np.zeros((layers + 2, 2))  # Σ y², Σ (ŷ - y)²: with one exact layer each, with none, with all

    def _activations(self, ann: Network) -> dict[str, str]:
        """By neuron: the tensor of the prepared network that it replaces."""
        known = {node.name: _result(self._ann, node) for node in self._ann.nodes()}
        found = {}
        for node in self._network.neurons:
            if node.name in self._units:
                tensor = known.get(self._replaced[node.name])
                shape, unit = self._network.shape(node.output[0]), self._units[node.name]
                if tensor is None or ann.shape(tensor.name) != shape or not _fits(unit, shape):
                    message = f"the ANN has no layer '{self._replaced[node.name]}' like '{node.name}'"
                    raise ModelError(f"{message}. Give the ANN that the SNN was converted from.")
                found[node.name] = str(tensor.name)
        return found

    def _add(self, batch: Batch) -> Iterator[None]:
        """Add a batch: run the SNN as converted, with all layers exact, then with each alone."""
        names = [self._readout, *dict.fromkeys(self._wanted.values())]
        values = dict(zip(names, self._reference.run(names, batch), strict=True))
        exact = {neuron: values[tensor] for neuron, tensor in self._wanted.items()}
        out, sent, _ = self._switched.layers(self._session, batch, exact, ())
        yield
        everywhere = range(len(self._switched.neurons))
        best, own, given = self._switched.layers(self._session, batch, exact, everywhere)
        yield
        for place, node in enumerate(self._switched.neurons):
            a = {**given, **exact}[node.name].astype(np.float64)
            if self._watch:
                self._watch(node, a, sent[place])
            errors = ((x - a) ** 2 for x in (sent[place], own[place]))
            self._sums[place] += [(a**2).sum(), np.abs(a).sum(), *(e.sum() for e in errors)]
        y = values[self._readout].astype(np.float64)
        self._outputs[-2:] += [_errors(y, out), _errors(y, best)]
        for place in everywhere:
            self._outputs[place] += _errors(y, self._switched.run(self._session, batch, exact, (place,)))
            yield
        self._samples += len(next(iter(batch.values())))

    @staticmethod
    def _relative(sums: Array) -> float:
        signal, noise = sums
        return math.sqrt(noise / signal) if signal else math.sqrt(noise)


def _result(graph: Graph, node: Node) -> Tensor:
    """The output tensor of a neuron at the activation site `node`."""
    if node.op in NEURONS:
        return neuron_output(graph, node)
    found = match_activation(graph, node)
    return (node if found is None else found[2]).outputs[0]


def _fits(unit: Array, shape: tuple[int, ...]) -> bool:
    """Whether `unit` broadcasts to `shape`."""
    padded = (1,) * (len(shape) - unit.ndim) + unit.shape
    return len(padded) == len(shape) and all(u in (1, d) for u, d in zip(padded, shape, strict=True))


def _errors(expected: Array, given: Array) -> tuple[float, float]:
    """(Σ y², Σ (ŷ - y)²); of outputs after every time step the last ones count."""
    last = given[-1] if given.shape[1:] == expected.shape else given
    return float((expected**2).sum()), float(((last - expected) ** 2).sum())


def _decibel(signal: float, noise: float) -> float:
    if not signal:
        return math.nan
    return 10 * math.log10(signal / noise) if noise else math.inf
