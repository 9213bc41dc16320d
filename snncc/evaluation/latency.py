# SPDX-License-Identifier: Apache-2.0
"""Time steps of a converted network on spiking hardware, by its coding."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import onnx

from snncc.analysis.network_view import Network
from snncc.coding import Coding
from snncc.coding.from_metadata import layer_steps, recorded_coding
from snncc.coding.scales import LayerSettings
from snncc.evaluation.recurrent_costs import loop_steps
from snncc.ir.nodes import label

__all__ = ["Latency", "added_steps", "encoder_steps", "steps_of"]


@dataclass(frozen=True)
class Latency:
    """Time steps of a converted network, by its coding.

    Attributes:
        latency: until the output is complete, for one sample.
        interval: pipeline interval, between two samples.
        window: in which a neuron may fire for one sample; where layers differ, the longest.
        bits: of the activations of an ANN that is as fine as its neurons, the finest where layers differ.
    """

    latency: int
    interval: int
    window: int
    bits: int


def steps_of(model: onnx.ModelProto, network: Network) -> Latency | None:
    """Time steps by the coding in the model's metadata; None if that cannot be read.

    A recurrent layer takes no new sample before it is through with the sequence.
    """
    coding = recorded_coding(model)
    if coding is None:
        return None
    own = layer_steps(model)
    layers = network.longest(added_steps(network, coding, own))
    loops = {label(n): loop_steps(network, n) for n in network.nodes if n.op_type == "Scan"}
    latency = coding.latency(0) + layers + network.longest(lambda node: loops.get(label(node), 0))
    slowest = coding.of_layer(LayerSettings(steps=max(own.values()))) if own else coding
    interval = max(slowest.interval, coding.interval, *loops.values())
    return Latency(latency, interval, max(slowest.steps, coding.steps), max(slowest.bits, coding.bits))


def added_steps(network: Network, coding: Coding, own: Mapping[str, int]) -> Callable[[onnx.NodeProto], int]:
    """Time steps that each node adds to the latency; `own` are those of layers with per-layer steps.

    Encoders add as many steps as they have more than other layers; fewer count as negative.
    """
    hidden, encoders = network.hidden, {label(n) for n in network.encoders}

    def added(node: onnx.NodeProto) -> int:
        if label(node) in encoders:
            return encoder_steps(node, coding) - coding.steps
        if label(node) not in hidden:
            return 0
        layer = coding.of_layer(LayerSettings(steps=own.get(label(node))))
        return layer.latency(1) - layer.latency(0)

    return added


def encoder_steps(node: onnx.NodeProto, coding: Coding) -> int:
    """Time steps of an encoder: its own phases, at least one for each slice; else those of all layers."""
    phases = next((len(a.floats) for a in node.attribute if a.name == "levels"), coding.steps)
    return max(phases, coding.slices) if phases != coding.steps else phases
