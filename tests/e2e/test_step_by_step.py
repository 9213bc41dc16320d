# SPDX-License-Identifier: Apache-2.0
"""The converted graph computes with values; a spike-by-spike simulation of the same network gives the same outputs.

The simulator knows nothing of snncc. A global clock ticks; at every tick each layer hears the spikes that its axons
deliver, adds their weighted currents to its membrane potentials, and may fire. Layer k integrates during T ticks, then
fires during the next T, one spike at most, at its first phase q with V >= λ θ_q. A shortcut's axon is longer by T ticks
for each layer that it skips, a max pool lets the first spike of its window through, an average pool is part of the
synapses, and the last layer does not fire: its potential is read when the clock stops.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime as ort
import pytest
from numpy.lib.stride_tricks import sliding_window_view
from onnx import TensorProto, helper, numpy_helper, parser
from onnx.reference import ReferenceEvaluator

import snncc

Array = npt.NDArray[Any]
Weights = dict[str, Array]

SHAPES = {
    "w1": (4, 2, 3, 3),
    "w2": (4, 4, 3, 3),
    "w3": (4, 4, 1, 1),
    "w4": (6, 4, 3, 3),
    "w5": (5, 24),
    "w6": (3, 5),
}

# `act` is where a spiking layer will be: a residual block, a max pool, an average pool, two fully connected layers.
TEXT = """<ir_version: 10, opset_import: ["": 21]>
net (float[N,2,8,8] x) => (float[N,3] y)
{
    v1 = Conv <pads=[1,1,1,1]> (x, w1, b1)
    a1 = act (v1)
    v2 = Conv <pads=[1,1,1,1]> (a1, w2, b2)
    a2 = act (v2)
    c3 = Conv (a2, w3, b3)
    v3 = Add (c3, a1)
    a3 = act (v3)
    m3 = MaxPool <kernel_shape=[2,2], strides=[2,2]> (a3)
    v4 = Conv <pads=[1,1,1,1]> (m3, w4, b4)
    a4 = act (v4)
    p4 = AveragePool <kernel_shape=[2,2], strides=[2,2]> (a4)
    f4 = Flatten (p4)
    v5 = Gemm <transB=1> (f4, w5, b5)
    a5 = act (v5)
    y = Gemm <transB=1> (a5, w6, b6)
}"""
LAYERS = 5


# -- the simulator -----------------------------------------------------------------------------------------------------


@dataclass
class Axon:
    """Transfers the spikes of `source`, delayed by `delay` ticks, through `synapse` to the owner of the axon."""

    source: Any
    synapse: Callable[[Array], Array]
    delay: int = 0

    def current(self, tick: int) -> Array:
        return self.synapse(self.source.spikes(tick - self.delay))


@dataclass
class Input:
    """Codes the input in binary: at phase p a spike worth ± unit 2^-p, if as much is left."""

    values: Array
    unit: float
    steps: int
    sent: dict[int, Array] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.left = np.abs(self.values) / np.float32(self.unit)

    def tick(self, now: int) -> None:
        if now < self.steps:
            fires = self.left >= 2.0**-now
            self.left = self.left - 2.0**-now * fires
            self.sent[now] = np.sign(self.values) * fires * (self.unit * 2.0**-now)

    def spikes(self, tick: int) -> Array:
        return self.sent.get(tick, np.zeros(self.values.shape))


@dataclass
class Layer:
    """Layer number `index` (from 1): integrates from tick (index - 1) T, fires from tick index T.

    `levels` and `thresholds` are in units of `scale`, one per channel. What is compared is V/λ, rounded to float32.
    """

    index: int
    axons: list[Axon]
    bias: Array
    scale: Array | None
    levels: Array
    thresholds: Array
    sent: dict[int, Array] = field(default_factory=dict)

    def __post_init__(self) -> None:
        shape = sum(axon.current(-1) for axon in self.axons).shape  # no neuron has fired yet
        self.potential = np.zeros(shape) + _per_channel(self.bias, len(shape))
        self.count = np.zeros(shape, np.int64)

    def tick(self, now: int) -> None:
        phase = now - self.index * len(self.levels)
        current = sum(axon.current(now) for axon in self.axons)
        if -len(self.levels) <= phase < 0:
            self.potential = self.potential + current
        else:
            assert not np.any(current), f"layer {self.index} hears spikes at tick {now}, when it does not integrate"
        if self.scale is not None and 0 <= phase < len(self.levels):
            scale = _per_channel(self.scale, self.potential.ndim).astype(np.float32)
            reached = self.potential.astype(np.float32) / scale >= self.thresholds[phase]
            fires = reached & (self.count == 0)
            self.count += fires
            self.sent[now] = (fires * (self.levels[phase] * scale)).astype(np.float64)

    def spikes(self, tick: int) -> Array:
        return self.sent.get(tick, np.zeros(self.potential.shape))

    def value(self) -> Array:
        """What its spikes were worth altogether."""
        return sum(self.sent.values(), np.zeros(self.potential.shape))


@dataclass
class FirstSpike:
    """Max pool, 2 x 2: of each window's spikes the first passes, and no other after it."""

    source: Any
    sent: dict[int, Array] = field(default_factory=dict)
    passed: Any = False

    def tick(self, now: int) -> None:
        largest = _windows(self.source.spikes(now)).max((-2, -1))
        self.sent[now] = largest * ~np.asarray(self.passed)
        self.passed = self.passed | (largest > 0)

    def spikes(self, tick: int) -> Array:
        return self.sent.get(tick, np.zeros_like(_windows(self.source.spikes(tick)).max((-2, -1))))


def simulate(
    weights: Weights, scales: list[Array], unit: float, images: Array, levels: Array, thresholds: Array
) -> list[Layer]:
    """All layers after (LAYERS + 1) T ticks, when the last one has heard everything."""
    steps = len(levels)

    def layer(index: int, *axons: Axon) -> Layer:
        scale = scales[index - 1] if index <= LAYERS else None
        return Layer(index, list(axons), weights[f"b{index}"], scale, levels, thresholds)

    source = Input(images.astype(np.float64), unit, steps)
    first = layer(1, Axon(source, lambda s: convolve(s, weights["w1"], 1)))
    second = layer(2, Axon(first, lambda s: convolve(s, weights["w2"], 1)))
    block = Axon(second, lambda s: convolve(s, weights["w3"], 0))
    third = layer(3, block, Axon(first, lambda s: s, delay=steps))
    pool = FirstSpike(third)
    fourth = layer(4, Axon(pool, lambda s: convolve(s, weights["w4"], 1)))
    fifth = layer(
        5, Axon(fourth, lambda s: _windows(s).mean((-2, -1)).reshape(len(s), -1) @ weights["w5"].T.astype(np.float64))
    )
    last = layer(6, Axon(fifth, lambda s: s @ weights["w6"].T.astype(np.float64)))
    order: list[Any] = [source, first, second, third, pool, fourth, fifth, last]
    for now in range((LAYERS + 1) * steps):
        for part in order:
            part.tick(now)
    return [first, second, third, fourth, fifth, last]


def convolve(x: Array, weight: Array, padding: int) -> Array:
    padded = np.pad(x, ((0, 0), (0, 0), (padding, padding), (padding, padding)))
    windows = sliding_window_view(padded, weight.shape[2:], axis=(2, 3))
    return np.einsum("nchwij,ocij->nohw", windows, weight.astype(np.float64))


def _windows(x: Array) -> Array:
    """[N, C, H, W] -> [N, C, H/2, W/2, 2, 2]."""
    n, c, h, w = x.shape
    return x.reshape(n, c, h // 2, 2, w // 2, 2).swapaxes(3, 4)


def _per_channel(vector: Array, rank: int) -> Array:
    return np.asarray(vector, np.float64).reshape(-1, *[1] * (rank - 2))


# -- the network -------------------------------------------------------------------------------------------------------


def network(weights: Weights, ceilings: list[float] | None = None) -> onnx.ModelProto:
    """The source network: every `act` a Relu or, with `ceilings`, a Clip from 0 to that layer's."""
    text = TEXT
    for index in range(1, LAYERS + 1):
        call = f"Relu (v{index})" if ceilings is None else f"Clip (v{index}, floor, top{index})"
        text = text.replace(f"act (v{index})", call)
    model = parser.parse_model(text)
    constants = dict(weights)
    if ceilings is not None:
        constants |= {f"top{i}": np.float32(c) for i, c in enumerate(ceilings, 1)} | {"floor": np.float32(0)}
    for name, value in constants.items():
        model.graph.initializer.append(numpy_helper.from_array(np.asarray(value, np.float32), name))
    for node in model.graph.node:
        node.name = node.output[0]
    onnx.checker.check_model(model, full_check=True)
    return model


def neurons(model: onnx.ModelProto) -> list[onnx.NodeProto]:
    """The encoder and the five spiking layers."""
    found = [node for node in model.graph.node if node.domain == "ai.snncc"]
    assert found[0].op_type == "PhaseNeuron"
    assert len(found) == 1 + LAYERS
    return found


def constant(model: onnx.ModelProto, name: str) -> Array:
    return next(numpy_helper.to_array(t) for t in model.graph.initializer if t.name == name)


def tables(node: onnx.NodeProto) -> tuple[Array, Array]:
    """Levels and thresholds of a neuron."""
    found = {a.name: np.float32(list(a.floats)) for a in node.attribute}
    return found["levels"], found["thresholds"]


def with_spikes(model: onnx.ModelProto) -> onnx.ModelProto:
    """The model with the spike values of the five layers as further outputs."""
    probed = onnx.ModelProto()
    probed.CopyFrom(model)
    kind = model.graph.input[0].type.tensor_type.elem_type
    for node in neurons(model)[1:]:
        probed.graph.output.append(helper.make_tensor_value_info(node.output[0], kind, None))
    return probed


# -- the tests ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("normalize", ["channel", "none"])
def test_dyadic_network_gives_the_same_bits_spike_by_spike(normalize):
    """Weights k/8, base 2 and scales that are powers of 2: float32 rounds nowhere, in any order of sums.

    The scales are what a saturated Clip leaves: its upper bound. So the simulator takes the source's own weights.
    """
    rng = np.random.default_rng(7)
    weights = {name: rng.integers(-6, 7, shape) / 8 for name, shape in SHAPES.items()}
    weights |= {f"b{i}": rng.integers(-4, 5, len(weights[f"w{i}"])) / 8 for i in range(1, LAYERS + 2)}
    ceilings = [2.0, 4.0, 4.0, 2.0, 2.0]
    calibration = np.clip(np.round(rng.normal(0, 16, (200, 2, 8, 8)) * 16) / 16, -64, 64).astype(np.float32)
    calibration[0, 0, 0, 0] = 64
    images = rng.normal(0, 4, (12, 2, 8, 8)).astype(np.float32)

    coding = snncc.Phase(T=10, Q=2)
    ann = network(weights, ceilings)
    snn = snncc.convert(ann, coding, calibration=calibration, scale="max", match=False, normalize=normalize)
    y, *fired = ort.InferenceSession(with_spikes(snn).SerializeToString()).run(None, {"x": images})

    levels, thresholds = tables(neurons(snn)[1])
    scales = [np.full(len(weights[f"b{i}"]), c) for i, c in enumerate(ceilings, 1)]
    layers = simulate(weights, scales, 32.0, images, levels, thresholds)
    for values, layer, ceiling in zip(fired, layers, ceilings, strict=False):
        unit = ceiling if normalize == "channel" else 1.0
        np.testing.assert_array_equal(values * unit, layer.value())
        assert layer.count.max() == 1
        assert 0.05 < layer.count.mean() < 0.95
    np.testing.assert_array_equal(y, layers[-1].potential)


def test_float64_network_sends_the_same_spikes():
    """Any weights, base 1.3, in float64.

    Potentials then differ between two orders of summing by some 1e-15, and the neuron rounds them to float32 before it
    compares. Spikes are equal, then, unless a potential lies that close to a threshold or to a rounding border next to
    one; that none does is asserted. Equal spikes make equal outputs, up to the order of the last sum.
    """
    rng = np.random.default_rng(11)
    weights: Weights = {}
    for index, (name, shape) in enumerate(SHAPES.items(), 1):
        weights[name] = rng.normal(0, np.sqrt(2 / np.prod(shape[1:])), shape).astype(np.float32)
        weights[f"b{index}"] = rng.normal(0, 0.1, shape[0]).astype(np.float32)
    images = rng.normal(0, 1, (24, 2, 8, 8)).astype(np.float32)

    snn = snncc.convert(
        network(weights),
        snncc.Phase(T=16, Q=1.3),
        calibration=images,
        normalize="none",  # so that the weights are the source's
        scale="max",
        match=False,
    )
    y, *fired = ReferenceEvaluator(in_float64(with_spikes(snn))).run(None, {"x": images.astype(np.float64)})

    encoder, *spiking = neurons(snn)
    levels, thresholds = tables(spiking[0])
    scales = [constant(snn, node.input[1]).reshape(-1) for node in spiking]
    unit = float(constant(snn, encoder.input[1])[0])
    layers = simulate(weights, scales, unit, images, levels, thresholds)
    for values, layer, scale in zip(fired, layers, scales, strict=False):
        u = layer.potential / _per_channel(scale, layer.potential.ndim)
        assert np.abs(u[..., None] / thresholds - 1).min() > 1e-7
        np.testing.assert_array_equal(values, layer.value())
        assert layer.count.max() == 1
        assert 0.05 < layer.count.mean() < 0.95
    np.testing.assert_array_equal(y.astype(np.float32), layers[-1].potential.astype(np.float32))


def test_simulator_notices_a_wrong_weight():
    """One weight off by 1/8 in the middle of the network shows in the spikes: the comparison above means something."""
    rng = np.random.default_rng(7)
    weights = {name: rng.integers(-6, 7, shape) / 8 for name, shape in SHAPES.items()}
    weights |= {f"b{i}": rng.integers(-4, 5, len(weights[f"w{i}"])) / 8 for i in range(1, LAYERS + 2)}
    images = rng.normal(0, 4, (4, 2, 8, 8))
    levels = np.float32(2.0 ** -np.arange(8))
    scales = [np.full(len(weights[f"b{i}"]), 4.0) for i in range(1, LAYERS + 1)]
    right = simulate(weights, scales, 8.0, images, levels, levels)
    weights["w3"] = weights["w3"] + np.eye(4)[:, :, None, None] * np.array([0.125, 0, 0, 0])[:, None, None, None]
    wrong = simulate(weights, scales, 8.0, images, levels, levels)
    assert np.array_equal(right[1].value(), wrong[1].value())
    assert not np.array_equal(right[2].value(), wrong[2].value())


def in_float64(model: onnx.ModelProto) -> onnx.ModelProto:
    """Inputs, outputs and synapses in float64; the neurons' scales stay float32, as their op has them."""
    wide = onnx.ModelProto()
    wide.CopyFrom(model)
    scales = {name for node in neurons(model) for name in (node.input[1], *node.input[3:])}
    for tensor in wide.graph.initializer:
        if tensor.data_type == TensorProto.FLOAT and tensor.name not in scales:
            value = numpy_helper.to_array(tensor).astype(np.float64)
            tensor.CopyFrom(numpy_helper.from_array(value, tensor.name))
    for value in (*wide.graph.input, *wide.graph.output):
        value.type.tensor_type.elem_type = TensorProto.DOUBLE
    del wide.graph.value_info[:]
    return wide
