# SPDX-License-Identifier: Apache-2.0
"""Networks whose ops omit optional inputs or outputs, written as '', in any position."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import onnx
from onnx import numpy_helper, parser

from tests.generated.harness import Case

__all__ = ["draw", "draw_sequences"]

CHANNELS, SIZE = 4, 6


class _Text:
    """Lines of a network's text and its weights."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.rng = rng
        self.lines: list[str] = []
        self.weights: dict[str, np.ndarray] = {}

    def fresh(self) -> str:
        return f"t{len(self.lines)}"

    def add(self, right: str) -> str:
        name = self.fresh()
        self.lines.append(f"{name} = {right}")
        return name

    def weight(self, value: object, kind: type = np.float32) -> str:
        self.weights[f"w{len(self.weights)}"] = np.asarray(value, kind)
        return f"w{len(self.weights) - 1}"

    def kernel(self, *shape: int) -> str:
        scale = 1.4 / np.sqrt(np.prod(shape[1:]))
        return self.weight(self.rng.standard_normal(shape) * scale)


def _conv(text: _Text, x: str) -> str:
    """A convolution whose bias is left out, in either way."""
    bias = ["", ", ", f", {text.weight(text.rng.uniform(-0.2, 0.2, CHANNELS))}"][text.rng.integers(3)]
    return text.add(f"Conv <pads = [1,1,1,1]> ({x}, {text.kernel(CHANNELS, CHANNELS, 3, 3)}{bias})")


def _relu(text: _Text, x: str) -> str:
    return text.add(f"Relu ({x})")


def _resize(text: _Text, x: str) -> str:
    scales = text.weight([1, 1, 2, 2])
    roi = ["", text.weight([], np.float32)][text.rng.integers(2)]
    grown = text.add(f'Resize <mode = "{["nearest", "linear"][text.rng.integers(2)]}"> ({x}, {roi}, {scales})')
    return text.add(f"AveragePool <kernel_shape = [2,2], strides = [2,2]> ({grown})")


def _resize_to_sizes(text: _Text, x: str) -> str:
    sizes = text.weight([SIZE, SIZE], np.int64)
    return text.add(f'Resize <mode = "nearest", axes = [2,3]> ({x}, , , {sizes})')


def _pad(text: _Text, x: str) -> str:
    widths, axes = text.weight([1, 0, 0, 1], np.int64), text.weight([2, 3], np.int64)
    padded = text.add(f"Pad ({x}, {widths}, , {axes})")
    return text.add(f"MaxPool <kernel_shape = [2,2], strides = [1,1]> ({padded})")


def _pad_all(text: _Text, x: str) -> str:
    widths = text.weight([0, 0, 1, 0, 0, 0, 0, 1], np.int64)
    padded = text.add(f"Pad ({x}, {widths}{['', ', '][text.rng.integers(2)]})")
    return text.add(f"AveragePool <kernel_shape = [2,2], strides = [1,1]> ({padded})")


def _clip_above(text: _Text, x: str) -> str:
    return text.add(f"Clip ({x}, , {text.weight(text.rng.uniform(0.5, 1.5))})")


def _clip_below(text: _Text, x: str) -> str:
    return text.add(f"Clip ({x}, {text.weight(0.0)}{['', ', '][text.rng.integers(2)]})")


def _clip_nothing(text: _Text, x: str) -> str:
    return text.add(f"Clip ({x}, , )")


def _slice(text: _Text, x: str) -> str:
    starts, ends = (text.weight(v, np.int64) for v in ([0, 0, 0, 0], [2**40, CHANNELS, SIZE, SIZE]))
    return text.add(f"Slice ({x}, {starts}, {ends}, , )")


def _split(text: _Text, x: str) -> str:
    a, b = text.fresh(), f"{text.fresh()}b"
    text.lines.append(f"{a}, {b} = Split <axis = 1, num_outputs = 2> ({x}, )")
    return text.add(f"Concat <axis = 1> ({b}, {a})")


def _squeeze(text: _Text, x: str) -> str:
    axis = text.weight([1], np.int64)
    return text.add(f"Squeeze ({text.add(f'Unsqueeze ({x}, {axis})')}, {axis})")


def _dropout(text: _Text, x: str) -> str:
    return text.add(f"Dropout ({x}, , )")


def _pool_alone(text: _Text, x: str) -> str:
    name = text.fresh()
    text.lines.append(f"{name},  = MaxPool <kernel_shape = [3,3], pads = [1,1,1,1]> ({x})")
    return name


def _mean(text: _Text, x: str) -> str:
    spread = text.add(f"ReduceMean <keepdims = 1> ({x}, {text.weight([2, 3], np.int64)})")
    return text.add(f"Add ({x}, {spread})")


PARTS: tuple[Callable[[_Text, str], str], ...] = (
    _resize,
    _resize_to_sizes,
    _pad,
    _pad_all,
    _clip_above,
    _clip_below,
    _clip_nothing,
    _slice,
    _split,
    _squeeze,
    _dropout,
    _pool_alone,
    _mean,
)


def draw_sequences(rng: np.random.Generator) -> tuple[Case, Case]:
    """A recurrent layer with gaps among its inputs and outputs, and the same with zeros and all outputs given."""
    op, gates = [("LSTM", 4), ("GRU", 3), ("RNN", 1)][rng.integers(3)]
    units, last = 3, bool(rng.integers(2))
    w, r = rng.standard_normal((1, gates * units, CHANNELS)) * 0.6, rng.standard_normal((1, gates * units, units)) * 0.4
    made = []
    for full in (False, True):
        text = _Text(rng)
        turned = text.add("Transpose <perm = [1,0,2]> (x)")
        bias = text.weight(np.zeros((1, 2 * gates * units))) if full else ""
        inputs = f"{turned}, {text.weight(w)}, {text.weight(r)}, {bias}{'' if full else ', , '}"
        every, end = text.fresh(), f"{text.fresh()}h"
        outputs = f"{every}, {end}" if full else f", {end}" if last else every
        text.lines.append(f"{outputs} = {op} <hidden_size = {units}> ({inputs})")
        if last:
            result = text.add(f"Squeeze ({end}, {text.weight([0], np.int64)})")
        else:
            states = text.add(f"Squeeze ({every}, {text.weight([1], np.int64)})")
            result = text.add(f"Gather <axis = 0> ({states}, {text.weight(-1, np.int64)})")
        matrix = text.weight(np.linspace(-1, 1, 2 * units).reshape(units, 2))
        text.lines.append(f"y = Gemm ({result}, {matrix}{'' if full else ', '})")
        made.append(_case(text, f"float[N,5,{CHANNELS}] x", "float[N,2] y", [12, 5, CHANNELS]))
    first, second = made
    return first, Case(second.model, first.feeds, second.text)


def draw(rng: np.random.Generator) -> Case:
    """Synapses and ReLUs with such ops before, between and after them."""
    text, current = _Text(rng), "x"
    stages = [_conv, _relu] * int(rng.integers(1, 3))
    for place in sorted(rng.integers(0, len(stages) + 1, int(rng.integers(1, 4))).tolist(), reverse=True):
        stages.insert(place, PARTS[rng.integers(len(PARTS))])
    for stage in stages:
        current = stage(text, current)
    if rng.random() < 0.3:
        text.lines.append(f"y = Identity ({current})")
        outputs = "float[N,A,B,C] y"
    else:
        flat, width = text.add(f"Flatten ({current})"), CHANNELS * SIZE * SIZE
        text.lines.append(f"y = Gemm ({flat}, {text.kernel(width, 5)}{['', ', '][rng.integers(2)]})")
        outputs = "float[N,A] y"
    return _case(text, f"float[N,{CHANNELS},{SIZE},{SIZE}] x", outputs, [12, CHANNELS, SIZE, SIZE])


def _case(text: _Text, inputs: str, outputs: str, shape: list[int]) -> Case:
    body = "\n".join(text.lines)
    model = parser.parse_model(f'<ir_version: 10, opset_import: ["": 21]> g ({inputs}) => ({outputs}) {{ {body} }}')
    used = {name for node in model.graph.node for name in node.input}
    model.graph.initializer.extend(numpy_helper.from_array(v, k) for k, v in text.weights.items() if k in used)
    onnx.checker.check_model(model)
    return Case(model, {"x": text.rng.standard_normal(shape).astype(np.float32)}, body)
