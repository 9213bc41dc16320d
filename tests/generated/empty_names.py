# SPDX-License-Identifier: Apache-2.0
"""Networks with ops whose optional inputs or outputs are left out, which the model writes as '', at any place."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import onnx
from onnx import numpy_helper, parser

from tests.generated.harness import Case

__all__ = ["draw"]

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
    rows, sizes = text.weight(2, np.int64), text.weight([SIZE, SIZE], np.int64)
    assert rows
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


def _sequence(text: _Text, x: str) -> str:
    """A recurrent layer with gaps among its inputs and outputs, over the rows of the image."""
    rng, units = text.rng, 3
    flat = text.add(f"Reshape ({x}, {text.weight([0, CHANNELS, SIZE * SIZE], np.int64)})")
    turned = text.add(f"Transpose <perm = [1,0,2]> ({flat})")
    op, gates = [("LSTM", 4), ("GRU", 3), ("RNN", 1)][rng.integers(3)]
    w = text.weight(rng.standard_normal((1, gates * units, SIZE * SIZE)) * 0.2)
    r = text.weight(rng.standard_normal((1, gates * units, units)) * 0.4)
    bias = ["", text.weight(rng.uniform(-0.2, 0.2, (1, 2 * gates * units)))][rng.integers(2)]
    name = text.fresh()
    if rng.random() < 0.5:  # the last state alone
        text.lines.append(f", {name} = {op} <hidden_size = {units}> ({turned}, {w}, {r}, {bias}, , )")
        return text.add(f"Squeeze ({name}, {text.weight([0], np.int64)})")
    text.lines.append(f"{name} = {op} <hidden_size = {units}> ({turned}, {w}, {r}, {bias})")
    states = text.add(f"Squeeze ({name}, {text.weight([1], np.int64)})")
    return text.add(f"Gather <axis = 0> ({states}, {text.weight(-1, np.int64)})")


def draw(rng: np.random.Generator) -> Case:
    """Synapses and ReLUs with such ops in front of, between and behind them."""
    text, current = _Text(rng), "x"
    stages = [_conv, _relu] * int(rng.integers(1, 3))
    for place in sorted(rng.integers(0, len(stages) + 1, int(rng.integers(1, 4))).tolist(), reverse=True):
        stages.insert(place, PARTS[rng.integers(len(PARTS))])
    for stage in stages:
        current = stage(text, current)
    pooled = text.add(f"Flatten ({current})")
    end = "y"
    if rng.random() < 0.2:
        last = _sequence(text, current)
        width = 3
    else:
        last, width = pooled, CHANNELS * SIZE * SIZE
    if rng.random() < 0.3:
        text.lines.append(f"y = Identity ({current})")
    else:
        text.lines.append(f"{end} = Gemm ({last}, {text.kernel(width, 5)}{['', ', '][rng.integers(2)]})")
    outputs = "float[N,A] y" if text.lines[-1].startswith("y = Gemm") else "float[N,A,B,C] y"
    body = "\n".join(text.lines)
    head = '<ir_version: 10, opset_import: ["": 21]>'
    model = parser.parse_model(f"{head} g (float[N,{CHANNELS},{SIZE},{SIZE}] x) => ({outputs}) {{ {body} }}")
    used = {name for node in model.graph.node for name in node.input}
    stored = (numpy_helper.from_array(v, k) for k, v in text.weights.items() if k in used)
    model.graph.initializer.extend(stored)
    onnx.checker.check_model(model)
    feeds = {"x": rng.standard_normal((12, CHANNELS, SIZE, SIZE)).astype(np.float32)}
    return Case(model, feeds, body)
