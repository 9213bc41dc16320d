# SPDX-License-Identifier: Apache-2.0
"""Layers with seeded random weights, from which the untrained networks are built.

Weights are He-initialised and every BatchNormalization has its own scale, bias, mean and variance, so that folding is
not a no-op and activations stay of order 1 through all of the layers.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx

from snncc.models.builder import NetworkBuilder

__all__ = ["SeededNetwork"]


class SeededNetwork:
    """A network under construction. Each method adds a layer named `name` and returns the name of its output.

    Args:
        name: What the graph is called.
        input_shape: (channels, length …), without the batch axis.
        seed: Of all weights; the same seed gives the same bytes.
    """

    def __init__(self, name: str, input_shape: Sequence[int], seed: int) -> None:
        self.builder = NetworkBuilder(name, input_shape)
        self.rng = np.random.default_rng(seed)
        self._axes = len(input_shape) - 1
        self._widths = {self.input: input_shape[0]}

    @property
    def input(self) -> str:
        """The network's input."""
        return self.builder.input

    def width(self, x: str) -> int:
        """The number of channels of `x`."""
        return self._widths[x]

    def unit(self, x: str, name: str, width: int, *, relu: bool = True, **options: Any) -> str:
        """Convolution, BatchNormalization and, by default, ReLU."""
        x = self.norm(self.conv(x, f"{name}.conv", width, **options), f"{name}.bn")
        return self.act(x, f"{name}.relu") if relu else x

    def conv(
        self,
        x: str,
        name: str,
        width: int,
        *,
        kernel: int = 3,
        stride: int = 1,
        padding: int | None = None,
        groups: int = 1,
        bias: bool = False,
    ) -> str:
        """Convolution to `width` channels; `padding` defaults to that of "same"."""
        shape = (width, self.width(x) // groups, *[kernel] * self._axes)
        weight = self._normal(shape, 2 / np.prod(shape[1:]))
        offsets = self.rng.normal(0, 0.1, width) if bias else None
        padding = kernel // 2 if padding is None else padding
        return self._wide(
            self.builder.conv(x, name, weight, offsets, stride=stride, padding=padding, groups=groups), width
        )

    def depthwise(self, x: str, name: str, *, relu: str = "Relu", **options: Any) -> str:
        """A convolution per channel, BatchNormalization and `relu`."""
        x = self.conv(x, f"{name}.conv", self.width(x), groups=self.width(x), **options)
        return self.act(self.norm(x, f"{name}.bn"), f"{name}.relu", relu)

    def upconv(self, x: str, name: str, width: int) -> str:
        """Transposed convolution that doubles each axis."""
        shape = (self.width(x), width, *[2] * self._axes)
        weight = self._normal(shape, 2 / self.width(x))
        return self._wide(self.builder.conv(x, name, weight, stride=2, transposed=True), width)

    def norm(self, x: str, name: str) -> str:
        """BatchNormalization with statistics of its own."""
        width = self.width(x)
        scale = self.rng.uniform(0.4, 1.0, width)
        bias, mean = self.rng.normal(0, 0.2, width), self.rng.normal(0, 0.3, width)
        statistics = [scale, bias, mean, self.rng.uniform(0.5, 1.5, width)]
        return self._wide(self.builder.batch_norm(x, name, statistics), width)

    def act(self, x: str, name: str, op: str = "Relu") -> str:
        """The activation `op`; `Relu6` is the Clip that it is in ONNX, `Silu` the product."""
        if op == "Relu6":
            bounds = [self.builder.constant(f"{name}.{b}", np.float32(v)) for b, v in (("low", 0), ("high", 6))]
            return self._wide(self.builder.add("Clip", [x, *bounds], name), self.width(x))
        if op == "Silu":
            return self.op("Mul", [x, self.op("Sigmoid", [x], f"{name}.sigmoid")], name)
        return self.op(op, [x], name)

    def op(self, op: str, inputs: Sequence[str], name: str, **attributes: Any) -> str:
        """Any other op that keeps the number of channels."""
        return self._wide(self.builder.add(op, inputs, name, **attributes), self.width(inputs[0]))

    def pool(
        self, x: str, name: str, kernel: int = 2, *, stride: int = 2, padding: int = 0, op: str = "MaxPool"
    ) -> str:
        """A pool by maximum or by `op`."""
        sizes = {"kernel_shape": [kernel] * self._axes, "strides": [stride] * self._axes}
        return self.op(op, [x], name, **sizes, pads=[padding] * (2 * self._axes))

    def concat(self, parts: Sequence[str], name: str) -> str:
        """The channels of all `parts`."""
        return self._wide(self.builder.add("Concat", parts, name, axis=1), sum(map(self.width, parts)))

    def linear(self, x: str, name: str, width: int, *, size: int = 1) -> str:
        """x [N, channels · size] · weights + bias."""
        inputs = self.width(x) * size
        weight, bias = self._normal((width, inputs), 1 / inputs), self.rng.normal(0, 0.1, width)
        return self._wide(self.builder.gemm(x, name, weight, bias), width)

    def flat(self, x: str, name: str = "flatten") -> str:
        """All of a sample in one axis."""
        return self.op("Flatten", [x], name)

    def classifier(self, x: str, classes: int) -> onnx.ModelProto:
        """The network with a global average pool and a linear layer on top: [N, classes]."""
        x = self.flat(self.op("GlobalAveragePool", [x], "gap"))
        return self.builder.build(self.linear(x, "fc", classes), "logits", classes)

    def _wide(self, x: str, width: int) -> str:
        self._widths[x] = width
        return x

    def _normal(self, shape: Sequence[int], variance: float) -> npt.NDArray[np.float64]:
        return self.rng.normal(0, np.sqrt(variance), shape)
