# SPDX-License-Identifier: Apache-2.0
"""Spikes of inactivated neurons, SIN: spikes where the ANN's ReLU gives 0 (msat.txt, 3.2 and 5.3).

The ANN determines, for each sample, which ReLUs have a negative pre-activation. The instrumented SNN has these as
additional inputs, one per layer, so that it returns sums over the layer, for any batch size and number of time steps.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, numpy_helper

from snncc.analysis.network_view import Network
from snncc.coding.from_metadata import recorded_bounds, recorded_coding, replaced_relus, spikes_at_sums
from snncc.evaluation.spike_counter import SpikeCounter
from snncc.ir.graph import Graph
from snncc.ir.nodes import label
from snncc.ir.proto_builder import Builder
from snncc.passes.pipeline import prepared

__all__ = ["InactivatedSpikeCounter", "InactivatedSpikes", "LayerInactivated"]


@dataclass(frozen=True)
class LayerInactivated:
    """The SIN of one layer, mean over the samples.

    Attributes:
        name: the neuron's node.
        neurons: number of neurons, those that should fire included.
        firing: neurons that send such spikes, at whatever step.
        spikes: spikes that they send.
        per_step: neurons that send one at each time step, [T]; None if the layer sends values.
    """

    name: str
    neurons: int
    firing: float
    spikes: float
    per_step: tuple[float, ...] | None

    def to_json(self) -> dict[str, Any]:
        """As JSON values; ratios are shares of the layer's neurons."""
        found = {"name": self.name, "ratio": self.firing / self.neurons, "ans": self.spikes / self.neurons}
        if self.per_step is None:
            return found
        return {**found, "ratio_per_step": [firing / self.neurons for firing in self.per_step]}


@dataclass(frozen=True)
class InactivatedSpikes:
    """The SIN of a network, layer by layer."""

    layers: tuple[LayerInactivated, ...]

    @property
    def ratio(self) -> float:
        """Share of all neurons that fire at any step although their ReLU gives 0."""
        return sum(x.firing for x in self.layers) / sum(x.neurons for x in self.layers)

    @property
    def ans(self) -> float:
        """Averaged number of SIN: such spikes per neuron and sample, over all neurons."""
        return sum(x.spikes for x in self.layers) / sum(x.neurons for x in self.layers)

    def to_json(self) -> dict[str, Any]:
        """As JSON values."""
        return {"ratio": self.ratio, "ans": self.ans, "layers": [x.to_json() for x in self.layers]}


@dataclass
class _Layer:
    """A counted layer: the tensors that show which of its ReLUs give 0, and the sums so far."""

    name: str
    neurons: int
    silent: str
    mask: str
    firing: str
    spikes: str
    over_time: bool
    fired: int = 0
    sent: npt.NDArray[np.int64] | int = 0


class InactivatedSpikeCounter:
    """Extend a `SpikeCounter` by the count of SIN; the model `ann` determines which ReLUs give 0."""

    def __init__(self, ann: Graph, counter: SpikeCounter, network: Network, relus: Mapping[str, str]) -> None:
        self._counter = counter
        self._layers: list[_Layer] = []
        self.samples = 0
        inputs = {node.name: node.inputs[0].name for node in ann.nodes("Relu")}
        self.ann = ann.to_proto()
        build = Builder(self.ann)
        del self.ann.graph.output[:]
        zero = build.fresh("zero")
        self.ann.graph.initializer.append(numpy_helper.from_array(np.zeros(1, ann.element_type()), zero))
        for node in network.neurons:
            if node.name in relus:
                silent = build.node("Less", [inputs[relus[node.name]], zero], f"{node.name}_silent")
                build.output(silent, TensorProto.BOOL, ("N", *network.shape(node.output[0])[1:]))
                self._layers.append(self._instrument(node, network, silent))

    @classmethod
    def of(
        cls, snn: onnx.ModelProto, ann: Graph, counter: SpikeCounter, network: Network, samples: Mapping[str, Any]
    ) -> InactivatedSpikeCounter | None:
        """A counter if the coding of the SNN has SIN and its neurons replace ReLUs of `ann`, as imported; else None."""
        coding = recorded_coding(snn)
        if coding is None or not coding.counts_inactivated_spikes:
            return None
        graph, relus = prepared(ann, coding, recorded_bounds(snn), linear=spikes_at_sums(snn)), replaced_relus(snn)
        shapes = Network(graph.to_proto(), samples)
        known = {n.name: shapes.shape(n.output[0]) for n in shapes.nodes if n.op_type == "Relu"}
        hidden = [n for n in network.neurons if n.name in relus]
        if not hidden or any(known.get(relus[n.name]) != network.shape(n.output[0]) for n in hidden):
            return None
        return cls(graph, counter, network, relus)

    @property
    def names(self) -> list[str]:
        """The additional outputs of the instrumented SNN."""
        return [name for layer in self._layers for name in (layer.firing, layer.spikes)]

    def feeds(self, silent: Sequence[Any]) -> dict[str, Any]:
        """The additional inputs of the instrumented SNN, from the outputs of `ann` for the same samples."""
        return {layer.mask: values for layer, values in zip(self._layers, silent, strict=True)}

    def add(self, outputs: Mapping[str, Any], samples: int) -> None:
        """Add the counts of a batch of `samples` samples."""
        self.samples += samples
        for layer in self._layers:
            layer.fired += int(outputs[layer.firing])
            layer.sent = layer.sent + outputs[layer.spikes].astype(np.int64)

    def result(self, *, sums: bool = False) -> InactivatedSpikes:
        """The results, means or `sums` over the samples; at least one batch must have been added."""
        layers = []
        samples = 1 if sums else self.samples
        for layer in self._layers:
            sent = np.asarray(layer.sent / samples, np.float64)
            per_step = tuple(sent.tolist()) if layer.over_time else None
            fired = layer.fired / samples
            layers.append(LayerInactivated(layer.name, layer.neurons, fired, float(sent.sum()), per_step))
        return InactivatedSpikes(tuple(layers))

    def _instrument(self, node: onnx.NodeProto, network: Network, silent: str) -> _Layer:
        tensor, build = node.output[0], self._counter.build
        _, *sample = network.shape(tensor)
        mask = build.input(f"{tensor}_silent", TensorProto.BOOL, ("N", *sample))
        weights = build.node("Cast", [mask], f"{tensor}_silent_weights", to=TensorProto.INT32)
        wrong = build.node("Mul", [self._counter.folded[tensor], weights], f"{tensor}_sin")
        each = build.node("ReduceSum", [wrong, build.ints(0)], f"{tensor}_sin_each", keepdims=0)
        some = build.node("Cast", [each], f"{tensor}_sin_some", to=TensorProto.BOOL)
        ones = build.node("Cast", [some], f"{tensor}_sin_ones", to=TensorProto.INT32)
        firing = build.node("ReduceSum", [ones], f"{tensor}_sin_firing", keepdims=0)
        over_time = network.fold.kind_of(tensor) == "steps"
        steps = network.fold.count if over_time else 1
        flat = build.node("Reshape", [wrong, build.ints(steps, -1)], f"{tensor}_sin_flat")
        spikes = build.node("ReduceSum", [flat, build.ints(1)], f"{tensor}_sin_steps", keepdims=0)
        build.output(firing, TensorProto.INT32, ())
        build.output(spikes, TensorProto.INT32, (steps,))
        neurons = int(np.prod(sample, dtype=np.int64))
        return _Layer(label(node), neurons, silent, mask, firing, spikes, over_time)
