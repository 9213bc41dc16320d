# SPDX-License-Identifier: Apache-2.0
"""Untrained networks with depthwise convolutions: MobileNet v1 and v2, and an EfficientNet-like network."""

from __future__ import annotations

import onnx

from snncc.models.seeded import SeededNetwork

__all__ = ["efficientnet", "mobilenet_v1", "mobilenet_v2"]

_V1 = ((64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), *[(512, 1)] * 5, (1024, 2), (1024, 1))
_V2 = ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1))
_B0 = ((1, 16, 1, 1, 3), (6, 24, 2, 2, 3), (6, 40, 2, 2, 5), (6, 80, 3, 2, 3), (6, 112, 3, 1, 5), (6, 192, 4, 2, 5))


def mobilenet_v1(seed: int = 0, *, size: int = 96, classes: int = 10, multiplier: float = 0.25) -> onnx.ModelProto:
    """Pairs of depthwise and pointwise convolutions."""
    net = SeededNetwork("mobilenet_v1", (3, size, size), seed)
    x = net.unit(net.input, "stem", int(32 * multiplier), stride=2)
    for index, (width, stride) in enumerate(_V1):
        x = net.depthwise(x, f"block{index}.depth", stride=stride)
        x = net.unit(x, f"block{index}.point", int(width * multiplier), kernel=1)
    return net.classifier(x, classes)


def mobilenet_v2(seed: int = 0, *, size: int = 64, classes: int = 10) -> onnx.ModelProto:
    """Inverted residual blocks with ReLU6 and linear bottlenecks."""
    net = SeededNetwork("mobilenet_v2", (3, size, size), seed)
    x = net.act(net.unit(net.input, "stem", 32, stride=2, relu=False), "stem.relu", "Relu6")
    for stage, (factor, width, count, first) in enumerate(_V2):
        for index in range(count):
            stride = first if not index else 1
            x = _inverted(net, x, f"stage{stage}.{index}", factor, width, stride, 3, "Relu6", squeeze=False)
    x = net.act(net.unit(x, "head", 1280, kernel=1, relu=False), "head.relu", "Relu6")
    return net.classifier(x, classes)


def efficientnet(seed: int = 0, *, size: int = 64, classes: int = 10) -> onnx.ModelProto:
    """Inverted residual blocks with SiLU, squeeze and excitation: a product of two activations in each."""
    net = SeededNetwork("efficientnet", (3, size, size), seed)
    x = net.act(net.unit(net.input, "stem", 32, stride=2, relu=False), "stem.silu", "Silu")
    for stage, (factor, width, count, first, kernel) in enumerate(_B0):
        for index in range(count):
            stride = first if not index else 1
            x = _inverted(net, x, f"stage{stage}.{index}", factor, width, stride, kernel, "Silu", squeeze=True)
    x = net.act(net.unit(x, "head", 512, kernel=1, relu=False), "head.silu", "Silu")
    return net.classifier(x, classes)


def _inverted(
    net: SeededNetwork,
    x: str,
    name: str,
    factor: int,
    width: int,
    stride: int,
    kernel: int,
    active: str,
    *,
    squeeze: bool,
) -> str:
    """Widened by `factor`, convolved by channel, narrowed to `width`, and added to `x` where the shapes allow it."""
    y = x
    if factor > 1:
        y = net.unit(x, f"{name}.widen", net.width(x) * factor, kernel=1, relu=False)
        y = net.act(y, f"{name}.widen.act", active)
    y = net.depthwise(y, f"{name}.depth", relu=active, kernel=kernel, stride=stride)
    if squeeze:
        y = _excited(net, y, f"{name}.squeeze", net.width(x) // 4)
    y = net.unit(y, f"{name}.narrow", width, kernel=1, relu=False)
    return net.op("Add", [y, x], f"{name}.add") if stride == 1 and net.width(x) == width else y


def _excited(net: SeededNetwork, x: str, name: str, width: int) -> str:
    """x · sigmoid(W relu(V mean(x))), as squeeze and excitation was published: what spikes in every coding."""
    y = net.conv(net.op("GlobalAveragePool", [x], f"{name}.mean"), f"{name}.down", width, kernel=1, bias=True)
    y = net.conv(net.act(y, f"{name}.relu"), f"{name}.up", net.width(x), kernel=1, bias=True)
    return net.op("Mul", [x, net.op("Sigmoid", [y], f"{name}.gate")], f"{name}.scale")
