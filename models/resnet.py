# SPDX-License-Identifier: Apache-2.0
"""Untrained residual networks, in the sizes for CIFAR and for ImageNet."""

from __future__ import annotations

from collections.abc import Sequence

import onnx

from snncc.models.seeded import SeededNetwork

__all__ = ["resnet18", "resnet20", "resnet34", "resnet50"]


def resnet18(seed: int = 0, *, size: int = 224, classes: int = 1000) -> onnx.ModelProto:
    """ResNet-18: 11.7 M weights, [N, 3, size, size] -> [N, classes]; of up to 64 pixels with the stem for CIFAR."""
    return _large("resnet18", (2, 2, 2, 2), seed, size, classes)


def resnet34(seed: int = 0, *, size: int = 224, classes: int = 1000) -> onnx.ModelProto:
    """ResNet-34: 21.8 M weights."""
    return _large("resnet34", (3, 4, 6, 3), seed, size, classes)


def resnet50(seed: int = 0, *, size: int = 224, classes: int = 1000) -> onnx.ModelProto:
    """ResNet-50, of bottleneck blocks: 25.6 M weights."""
    return _large("resnet50", (3, 4, 6, 3), seed, size, classes, expansion=4)


def resnet20(seed: int = 0, *, size: int = 32, classes: int = 10) -> onnx.ModelProto:
    """ResNet-20, for CIFAR: 0.27 M weights, [N, 3, 32, 32] -> [N, 10]."""
    net = SeededNetwork("resnet20", (3, size, size), seed)
    x = net.unit(net.input, "stem", 16)
    return net.classifier(_stages(net, x, (16, 32, 64), (3, 3, 3)), classes)


def _large(name: str, blocks: Sequence[int], seed: int, size: int, classes: int, expansion: int = 1) -> onnx.ModelProto:
    net = SeededNetwork(name, (3, size, size), seed)
    if size > 64:
        x = net.pool(net.unit(net.input, "stem", 64, kernel=7, stride=2), "pool", 3, padding=1)
    else:
        x = net.unit(net.input, "stem", 64)
    return net.classifier(_stages(net, x, (64, 128, 256, 512), blocks, expansion), classes)


def _stages(net: SeededNetwork, x: str, widths: Sequence[int], blocks: Sequence[int], expansion: int = 1) -> str:
    """Stages of residual blocks; all but the first stage halve the image."""
    for stage, (width, count) in enumerate(zip(widths, blocks, strict=True)):
        for index in range(count):
            stride = 2 if stage and not index else 1
            x = _block(net, x, f"stage{stage + 1}.{index}", width, stride, expansion)
    return x


def _block(net: SeededNetwork, x: str, name: str, width: int, stride: int, expansion: int) -> str:
    if expansion == 1:
        y = net.unit(x, f"{name}.a", width, stride=stride)
        y = net.unit(y, f"{name}.b", width, relu=False)
    else:
        y = net.unit(x, f"{name}.a", width, kernel=1)
        y = net.unit(y, f"{name}.b", width, stride=stride)
        y = net.unit(y, f"{name}.c", width * expansion, kernel=1, relu=False)
    if net.width(x) != width * expansion:
        x = net.unit(x, f"{name}.shortcut", width * expansion, kernel=1, stride=stride, relu=False)
    return net.act(net.op("Add", [y, x], f"{name}.add"), f"{name}.relu")
