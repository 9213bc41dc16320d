# SPDX-License-Identifier: Apache-2.0
"""Small networks with tensor and node names that collide with those that a conversion adds."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from tests.generated.harness import Case

__all__ = ["Named", "draw", "draw_pair"]

_ENDINGS = (
    "_neuron _neuron_out _neuron_scale _neuron_count _neuron_data _normalise _normalise_factor _rescale _lifted _gain "
    "_gain_out _repeated _steps _encoder _encoder_out _encoder_scale _decoder _readout _readout_out _so_far _stack "
    "_stack_shape _as_spikes _above _below _relu _min _ceiling _missing _corrected _worth _before _identity _factor "
    "_bias _batch_shape _shape _V _V_out _step _count __maximum __axes __magnitude _in_turn _before_turn _start _last "
    "_unrolled _switch _exact _sent _plain _1 _2 _ /bias_scale /operand_0 /float"
)
_WORDS = (
    "step step_out next_step steps_per_call turn go go_on turns go_first over_time steps one moved input input_0 y x "
    "message neuron encoder readout count result taps hot given_1 axes mean centred squares variance root unit scaled "
    "shifted sum epsilon Relu FSNeuron Readout ai.snncc snncc.neurons N batch in_neuron_data in_neuron a_neuron"
)
ENDINGS, WORDS = _ENDINGS.split(), _WORDS.split()
ODD = ("with space", "a/b.c:0", "ä", "'quoted'", '"twice"', "%1", "{}", "0", "-", "a,b", "[x]", "\\", "None", "null")


@dataclass(frozen=True)
class Named:
    """A network, and the same with plain names."""

    case: Case
    plain: Case


def draw(rng: np.random.Generator) -> Case:
    """A network with such names."""
    return draw_pair(rng).case


def draw_pair(rng: np.random.Generator) -> Named:
    """A network with such names, and its twin."""
    plain = _network(rng)
    given = list(
        dict.fromkeys(
            [v.name for v in plain.model.graph.input]
            + [name for n in plain.model.graph.node for name in (*n.input, *n.output) if name]
        )
    )
    tensors = _names(rng, given)
    nodes = _names(rng, [n.name for n in plain.model.graph.node])
    model = onnx.ModelProto()
    model.CopyFrom(plain.model)
    for node in model.graph.node:
        node.input[:] = [tensors.get(name, name) for name in node.input]
        node.output[:] = [tensors.get(name, name) for name in node.output]
        node.name = nodes[node.name]
    for value in (*model.graph.input, *model.graph.output, *model.graph.initializer):
        value.name = tensors[value.name]
    onnx.checker.check_model(model)
    feeds = {tensors[name]: value for name, value in plain.feeds.items()}
    return Named(Case(model, feeds, onnx.printer.to_text(model)), plain)


def _names(rng: np.random.Generator, given: list[str]) -> dict[str, str]:
    """A new name for each of them; many are the name of another one with a suffix of snncc."""
    taken: list[str] = []
    for _ in given:
        name = ""
        while not name or name in taken:
            kind = rng.integers(4)
            if kind == 0 and taken:
                name = taken[rng.integers(len(taken))] + ENDINGS[rng.integers(len(ENDINGS))]
            elif kind == 1:
                name = given[rng.integers(len(given))] + ENDINGS[rng.integers(len(ENDINGS))]
            elif kind == 2:
                name = WORDS[rng.integers(len(WORDS))]
            else:
                name = ODD[rng.integers(len(ODD))] if rng.random() < 0.3 else WORDS[rng.integers(len(WORDS))] + "_1"
        taken.append(name)
    order = rng.permutation(len(given))
    return {name: taken[place] for name, place in zip(given, order, strict=True)}


class _Builder:
    def __init__(self, rng: np.random.Generator) -> None:
        self.rng = rng
        self.nodes: list[onnx.NodeProto] = []
        self.weights: list[onnx.TensorProto] = []

    def add(self, op: str, *inputs: str, **attributes: object) -> str:
        name = f"{op.lower()}{len(self.nodes)}"
        self.nodes.append(helper.make_node(op, list(inputs), [f"t_{name}"], name, **attributes))
        return f"t_{name}"

    def weight(self, *shape: int, scale: float = 0.0) -> str:
        value = self.rng.standard_normal(shape) * (scale or 1.4 / np.sqrt(max(1, int(np.prod(shape[1:] or (1,))))))
        self.weights.append(numpy_helper.from_array(value.astype(np.float32), f"w{len(self.weights)}"))
        return self.weights[-1].name

    def constant(self, value: object, kind: type = np.float32) -> str:
        self.weights.append(numpy_helper.from_array(np.asarray(value, kind), f"w{len(self.weights)}"))
        return self.weights[-1].name


def _network(rng: np.random.Generator) -> Case:
    """Layers of synapses and activations, with shortcuts, poolings, factors; one or two outputs."""
    build, channels = _Builder(rng), int(rng.integers(3, 6))
    current, outputs = "data", []
    for depth in range(int(rng.integers(1, 4))):
        before = current
        size = 3 if rng.random() < 0.5 else 1
        weight = build.weight(channels, channels, size, size)
        bias = build.weight(channels, scale=0.2)
        current = build.add("Conv", current, weight, bias, pads=[size // 2] * 4)
        if rng.random() < 0.3:
            positive = [build.constant(rng.uniform(0.5, 1.5, channels)) for _ in range(4)]
            current = build.add("BatchNormalization", current, *positive)
        if rng.random() < 0.5 and depth:
            current = build.add("Add", current, before)
        current = _activation(build, current)
        if rng.random() < 0.3:
            current = build.add("Mul", current, build.constant(rng.uniform(0.5, 1.5, (channels, 1, 1))))
        if rng.random() < 0.25:
            current = build.add("AveragePool", current, kernel_shape=[2, 2], strides=[1, 1])
    if rng.random() < 0.3:
        outputs.append(build.add("Conv", current, build.weight(2, channels, 1, 1)))
    flat = build.add("Flatten", build.add("GlobalAveragePool", current))
    hidden = _activation(build, build.add("Gemm", flat, build.weight(channels, 6), build.weight(6, scale=0.2)))
    scores = build.add("Gemm", hidden, build.weight(6, 4), build.weight(4, scale=0.2))
    outputs.append(build.add("Softmax", scores) if rng.random() < 0.3 else scores)
    value = helper.make_tensor_value_info("data", TensorProto.FLOAT, ["N", channels, 6, 6])
    given = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in outputs]
    graph = helper.make_graph(build.nodes, "names", [value], given, build.weights)
    model = helper.make_model(graph, ir_version=10, opset_imports=[helper.make_opsetid("", 21)])
    model = onnx.shape_inference.infer_shapes(model)
    del model.graph.value_info[:]
    x = rng.standard_normal((16, channels, 6, 6)).astype(np.float32)
    return Case(model, {"data": x}, "plain")


def _activation(build: _Builder, current: str) -> str:
    match build.rng.integers(4):
        case 0:
            return build.add("Clip", current, build.constant(0.0), build.constant(2.0))
        case 1:
            return build.add("LeakyRelu", current, alpha=0.1)
        case _:
            return build.add("Relu", current)
