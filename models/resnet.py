# SPDX-License-Identifier: Apache-2.0
"""Untrained residual networks of the usual shapes, for tests and benchmarks: what they compute is noise.

Weights are He-initialised and every BatchNormalization has its own scale, bias, mean and variance, so that folding is
not a no-op and activations stay of order 1 through all of the layers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx

from snncc.models.builder import NetworkBuilder

__all__ = ["resnet18", "resnet20"]


def resnet18(seed: int = 0, *, size: int = 224, classes: int = 1000) -> onnx.ModelProto:
    """ResNet-18's shape: 11.7 M weights, [N, 3, 224, 224] -> [N, 1000]."""
    net = _ResNet(NetworkBuilder("resnet18", (3, size, size)), np.random.default_rng(seed))
    x = net.unit(net.builder.input, "stem", 3, 64, kernel=7, stride=2)
    x = net.builder.add("MaxPool", [x], "pool", kernel_shape=[3, 3], strides=[2, 2], pads=[1] * 4)
    return net.finish(net.stages(x, 64, (64, 128, 256, 512), blocks=2), 512, classes)


def resnet20(seed: int = 0, *, size: int = 32, classes: int = 10) -> onnx.ModelProto:
    """ResNet-20's shape: 0.27 M weights, [N, 3, 32, 32] -> [N, 10]."""
    net = _ResNet(NetworkBuilder("resnet20", (3, size, size)), np.random.default_rng(seed))
    x = net.unit(net.builder.input, "stem", 3, 16)
    return net.finish(net.stages(x, 16, (16, 32, 64), blocks=3), 64, classes)


@dataclass(frozen=True)
class _ResNet:
    builder: NetworkBuilder
    rng: np.random.Generator

    def unit(
        self, x: str, name: str, width_in: int, width: int, *, kernel: int = 3, stride: int = 1, relu: bool = True
    ) -> str:
        """Conv, BatchNormalization and, unless told otherwise, Relu."""
        shape = (width, width_in, kernel, kernel)
        weight = self.rng.normal(0, np.sqrt(2 / (width_in * kernel**2)), shape)
        x = self.builder.conv(x, f"{name}.conv", weight, stride=stride, padding=kernel // 2)
        x = self.builder.batch_norm(x, f"{name}.bn", self._statistics(width))
        return self.builder.add("Relu", [x], f"{name}.relu") if relu else x

    def stages(self, x: str, width_in: int, widths: Sequence[int], blocks: int) -> str:
        """Stages of `blocks` blocks each; all but the first stage halve the image."""
        for stage, width in enumerate(widths):
            for index in range(blocks):
                stride = 2 if stage and not index else 1
                x = self._block(x, f"stage{stage + 1}.{index}", width_in, width, stride)
                width_in = width
        return x

    def finish(self, x: str, width: int, classes: int) -> onnx.ModelProto:
        """Global average pool and classifier."""
        x = self.builder.add("GlobalAveragePool", [x], "gap")
        x = self.builder.add("Flatten", [x], "flatten")
        weight = self.rng.normal(0, np.sqrt(1 / width), (classes, width))
        x = self.builder.gemm(x, "fc", weight, self.rng.normal(0, 0.1, classes))
        return self.builder.build(x, "logits", classes)

    def _block(self, x: str, name: str, width_in: int, width: int, stride: int) -> str:
        y = self.unit(x, f"{name}.a", width_in, width, stride=stride)
        y = self.unit(y, f"{name}.b", width, width, relu=False)
        if width_in != width:
            x = self.unit(x, f"{name}.shortcut", width_in, width, kernel=1, stride=stride, relu=False)
        total = self.builder.add("Add", [y, x], f"{name}.add")
        return self.builder.add("Relu", [total], f"{name}.relu")

    def _statistics(self, width: int) -> list[npt.NDArray[Any]]:
        scale = self.rng.uniform(0.4, 1.0, width)
        bias, mean = self.rng.normal(0, 0.2, width), self.rng.normal(0, 0.3, width)
        return [scale, bias, mean, self.rng.uniform(0.5, 1.5, width)]
