# SPDX-License-Identifier: Apache-2.0
"""Activations of the ANN and the corresponding values of the spiking network, per layer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import onnx

from snncc.analysis.activations import match_activation
from snncc.analysis.cpu_session import must_run
from snncc.coding import Coding
from snncc.coding.from_metadata import recorded_coding, replaced_relus, units
from snncc.errors import ModelError
from snncc.execution.folded_form import to_folded
from snncc.io.batches import Batch
from snncc.io.progress import track
from snncc.ir.graph import Graph
from snncc.ir.nodes import is_neuron, label
from snncc.ops.arrays import Array
from snncc.passes.pipeline import prepared
from snncc.storage.mapped import array_of
from snncc.tools.debug.layer_comparison import Comparison
from snncc.tools.debug.layer_errors import LayerErrors
from snncc.tools.report.coding_curves import Code, code_of
from snncc.tools.report.sampled_values import Drawn

__all__ = ["LayerValues", "layer_values"]

_DRAWN = 2**15  # values of a layer


@dataclass(frozen=True, eq=False)
class LayerValues:
    """A sample of V activations of one layer, over all samples and neurons.

    Attributes:
        name: The neuron's node.
        title: The node of the ANN that it replaces, or its own.
        code: Its code; None for what codes an input.
        true: Activations of the ANN, [V].
        coded: What the layer sends in their place, decoded, [V].
        unit: The value of 1 in units of the neuron's scale for each, [V]; 1 without a code.
        channel: Their channels, [V].
        snr, own_snr: How far the layer is off, in dB; see `snncc.debug_layers`.
    """

    name: str
    title: str
    code: Code | None
    true: Array
    coded: Array
    unit: Array
    channel: Array
    snr: float
    own_snr: float


class _Watcher:
    """Sample values of each layer from a stream."""

    def __init__(self, unit: Mapping[str, Array], scales: Mapping[str, Array]) -> None:
        self._unit, self._scales = unit, scales
        self.drawn: dict[str, Drawn] = {}
        self.nodes: dict[str, onnx.NodeProto] = {}

    def __call__(self, node: onnx.NodeProto, true: Array, coded: Array) -> None:
        name = node.name
        if name not in self.drawn:
            self.drawn[name] = Drawn(_DRAWN, 4, seed=len(self.drawn))
            self.nodes[name] = node
        worth = self._unit.get(name, np.ones(1)) * self._scales.get(name, np.ones(1))
        padded = worth.reshape((1,) * (true.ndim - worth.ndim) + worth.shape)
        channel = np.arange(worth.size).reshape(padded.shape) if worth.size > 1 else _channels(true)
        self.drawn[name].add(true, coded, *(np.broadcast_to(x, true.shape) for x in (padded, channel)))


def layer_values(
    snn: onnx.ModelProto, ann: Graph, batches: list[Batch], device: str, *, cut: bool
) -> tuple[tuple[LayerValues, ...], LayerErrors]:
    """(All layers in the order of the network, the error of each).

    Args:
        snn: The converted model.
        ann: Its source, as imported.
        batches: The samples.
        device: `auto`, `cpu` or `cuda`.
        cut: Whether the networks take batches of any size.

    Raises:
        ModelError: the metadata of `snn` are incomplete, or the two networks do not match.
    """
    coding = recorded_coding(snn)
    if coding is None:
        raise ModelError("the model's metadata name no coding. Give a model that snncc has converted.")
    folded = to_folded(snn)
    neurons = [n for n in folded.graph.node if is_neuron(n)]
    weights = {w.name: w for w in folded.graph.initializer}
    scales = {n.name: array_of(weights[n.input[1]]) for n in neurons if n.input[1] in weights}
    known = units(snn, (n.name for n in neurons))
    watcher = _Watcher(known, scales)
    comparison = Comparison(snn, ann, device, cut=cut, watch=watcher)
    with must_run("the network with exact layers"):
        for _ in track(comparison.steps(batches), "comparing layers"):
            pass
    errors = comparison.result()
    kinds = _kinds(ann, coding, replaced_relus(snn))
    found = {e.name: e for e in errors.layers}
    layers = []
    for name, drawn in watcher.drawn.items():
        node = watcher.nodes[name]
        code = code_of(coding, node, kinds.get(name, "relu")) if name in known else None
        off = found[label(node)]
        true, coded, unit, channel = drawn.columns()
        title, channel = off.replaces or off.name, channel.astype(np.int64)
        layers.append(LayerValues(name, title, code, true, coded, unit, channel, off.snr, off.own_snr))
    return tuple(layers), errors


def _channels(values: Array) -> Array:
    """Channel numbers, broadcasting, of a layer with one scale: images have channels on axis 1, else the last has."""
    axis = 1 if values.ndim == 4 else values.ndim - 1
    return np.arange(values.shape[axis]).reshape([-1 if a == axis else 1 for a in range(values.ndim)])


def _kinds(ann: Graph, coding: Coding, replaced: Mapping[str, str]) -> dict[str, str]:
    """By neuron, the activation that it replaces, unless that is a ReLU."""
    graph = prepared(ann, coding, {})  # no activation is a bound
    known = {n.name: found[0] for n in graph.nodes() if (found := match_activation(graph, n)) is not None}
    return {neuron: known[relu] for neuron, relu in replaced.items() if relu in known}
