# SPDX-License-Identifier: Apache-2.0
"""Untrained VGG-16, in the sizes for CIFAR and for ImageNet."""

from __future__ import annotations

import onnx

from snncc.models.seeded import SeededNetwork

__all__ = ["vgg16"]

_STAGES = ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3))  # channels, convolutions


def vgg16(seed: int = 0, *, size: int = 32, classes: int = 10) -> onnx.ModelProto:
    """VGG-16 with BatchNormalization, [N, 3, size, size] -> [N, classes]: 15 M weights for CIFAR, 138 M at 224."""
    net = SeededNetwork("vgg16", (3, size, size), seed)
    x = net.input
    for stage, (width, count) in enumerate(_STAGES, 1):
        for index in range(count):
            x = net.unit(x, f"stage{stage}.{index}", width)
        x = net.pool(x, f"pool{stage}")
    x = net.flat(x)
    hidden = 4096 if size > 64 else 512
    x = net.act(net.linear(x, "fc1", hidden, size=(size // 32) ** 2), "fc1.relu")
    x = net.act(net.linear(x, "fc2", hidden), "fc2.relu")
    return net.builder.build(net.linear(x, "fc3", classes), "logits", classes)
