# SPDX-License-Identifier: Apache-2.0
"""Networks of any depth or width and otherwise minimal size, to measure how the cost of a conversion grows."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import onnx

from snncc.models.builder import NetworkBuilder

__all__ = ["DEEP", "WIDE"]

_WIDTH = 6


class _Net:
    """A network whose values stay near 1 at any depth."""

    def __init__(self, name: str, *shape: int, seed: int = 0) -> None:
        self.builder = NetworkBuilder(name, shape or (_WIDTH,))
        self.rng = np.random.default_rng(seed)
        self.x = self.builder.input

    def op(self, op: str, *inputs: str, name: str, **attributes: object) -> str:
        return self.builder.add(op, inputs, name, **attributes)

    def constant(self, name: str, value: object, kind: type = np.float32) -> str:
        return self.builder.constant(name, np.asarray(value, kind))

    def linear(self, x: str, name: str, inputs: int = _WIDTH, outputs: int = _WIDTH) -> str:
        """A linear layer: small random weights plus a permutation of the channels."""
        weight = 0.2 * self.rng.normal(0, inputs**-0.5, (outputs, inputs))
        weight[range(outputs), self.rng.permutation(np.arange(outputs) % inputs)] += 0.9
        return self.builder.gemm(x, name, weight, self.rng.uniform(0.05, 0.15, outputs))

    def layer(self, x: str, name: str, inputs: int = _WIDTH, outputs: int = _WIDTH) -> str:
        return self.op("Relu", self.linear(x, f"{name}.fc", inputs, outputs), name=name)

    def conv(self, x: str, name: str, *, norm: bool) -> str:
        weight = 0.1 * self.rng.normal(0, 1 / 6, (4, 4, 3, 3))
        weight[range(4), self.rng.permutation(4), 1, 1] += 0.9
        bias = None if norm else self.rng.uniform(0.05, 0.15, 4)  # without any, values underflow in float32
        x = self.builder.conv(x, name, weight, bias, padding=1)
        statistics = [np.ones(4), self.rng.uniform(0, 0.1, 4), np.zeros(4), np.ones(4)]
        return self.builder.batch_norm(x, f"{name}.bn", statistics) if norm else x

    def head(self, x: str, inputs: int = _WIDTH) -> onnx.ModelProto:
        return self.builder.build(self.linear(x, "last", inputs, 3), "output", 3)

    def image_head(self, x: str) -> onnx.ModelProto:
        pooled = self.op("GlobalAveragePool", x, name="pool")
        return self.head(self.op("Flatten", pooled, name="flat"), 4)


def _mlp(size: int) -> onnx.ModelProto:
    net = _Net("mlp")
    x = net.x
    for i in range(size):
        x = net.layer(x, f"r{i}")
    return net.head(x)


def _convolutions(size: int, *, norm: bool = False, shortcut: bool = False) -> onnx.ModelProto:
    net = _Net("convolutions", 4, 6, 6)
    x = before = net.x
    for i in range(size):
        y = net.conv(x, f"c{i}", norm=norm)
        if shortcut and i % 2:
            half = net.constant(f"half{i}", min(0.5, 16 / size))  # else deep networks overflow
            y = net.op("Add", net.op("Mul", y, half, name=f"h{i}"), before, name=f"a{i}")
        x = net.op("Relu", y, name=f"r{i}")
        before = x if i % 2 else before
    return net.image_head(x)


def _normalised(size: int) -> onnx.ModelProto:
    return _convolutions(size, norm=True)


def _residual(size: int) -> onnx.ModelProto:
    return _convolutions(size, norm=True, shortcut=True)


def _pre_activation(size: int) -> onnx.ModelProto:
    """The sum runs through all blocks, with no neuron on it."""
    net = _Net("pre_activation")
    x = net.x
    for i in range(size):
        share = net.constant(f"s{i}", 1 / size)
        branch = net.linear(net.op("Relu", x, name=f"r{i}"), f"fc{i}")
        x = net.op("Add", x, net.op("Mul", branch, share, name=f"m{i}"), name=f"a{i}")
    return net.head(net.op("Relu", x, name="r"))


def _moves(size: int) -> onnx.ModelProto:
    """Transpose, Reshape and Identity in turn."""
    net = _Net("moves", 4, _WIDTH)
    x = net.op("Relu", net.x, name="r")
    shape = net.constant("shape", [0, 4, _WIDTH], np.int64)
    for i in range(0, size, 3):
        x = net.op("Identity", net.op("Transpose", x, name=f"t{i}", perm=[0, 2, 1]), name=f"i{i}")
        x = net.op("Reshape", x, shape, name=f"s{i}")
    return net.head(net.layer(net.op("Flatten", x, name="f"), "q", 4 * _WIDTH), _WIDTH)


def _softmaxes(size: int) -> onnx.ModelProto:
    """Analog ops between neurons."""
    net = _Net("softmaxes")
    x = net.x
    for i in range(size):
        x = net.op("Softmax", net.layer(x, f"r{i}"), name=f"s{i}", axis=-1)
    return net.head(x)


def _branches(size: int, join: str = "Concat") -> onnx.ModelProto:
    """One tensor that all branches read, and one node that reads them all."""
    net = _Net("branches")
    x = net.layer(net.x, "r")
    parts = [net.layer(x, f"b{i}") for i in range(size)]
    if join == "Concat":
        return net.head(net.op("Concat", *parts, name="joined", axis=1), _WIDTH * size)
    joined = net.op(join, *parts, name="joined")
    if join == "Sum":
        joined = net.op("Mul", joined, net.constant("share", 1 / size), name="mean")
    return net.head(net.layer(joined, "q"))


def _sum(size: int) -> onnx.ModelProto:
    return _branches(size, "Sum")


def _maximum(size: int) -> onnx.ModelProto:
    return _branches(size, "Max")


def _factors_of_one(size: int) -> onnx.ModelProto:
    """Many factors of one tensor."""
    net = _Net("factors_of_one")
    x = net.layer(net.x, "r")
    parts = [net.op("Mul", x, net.constant(f"k{i}", net.rng.uniform(0.5, 1.5)), name=f"m{i}") for i in range(size)]
    total = net.op("Mul", net.op("Sum", *parts, name="total"), net.constant("share", 1 / size), name="mean")
    return net.head(net.layer(total, "q"))


def _outputs(size: int) -> onnx.ModelProto:
    net = _Net("outputs")
    x = net.layer(net.x, "r")
    ends = {f"output{i}": (net.linear(net.layer(x, f"b{i}"), f"e{i}", outputs=3), (3,)) for i in range(size)}
    return net.builder.build_all(ends)


DEEP: dict[str, Callable[[int], onnx.ModelProto]] = {
    "mlp": _mlp,
    "convolutions": _convolutions,
    "normalised": _normalised,
    "residual": _residual,
    "pre-activation": _pre_activation,
    "moves": _moves,
    "softmaxes": _softmaxes,
}
WIDE: dict[str, Callable[[int], onnx.ModelProto]] = {
    "concat": _branches,
    "sum": _sum,
    "maximum": _maximum,
    "factors of one": _factors_of_one,
    "outputs": _outputs,
}
