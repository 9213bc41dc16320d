# SPDX-License-Identifier: Apache-2.0
"""Untrained networks with branches that join in Concats: DenseNet, Inception, U-Net and a YOLO-like detector."""

from __future__ import annotations

import numpy as np
import onnx

from snncc.models.seeded import SeededNetwork

__all__ = ["densenet", "detector", "inception", "unet"]


def densenet(seed: int = 0, *, size: int = 32, classes: int = 10, growth: int = 12, depth: int = 4) -> onnx.ModelProto:
    """DenseNet: every layer sees all before it; BatchNormalization and ReLU come before the convolution."""
    net = SeededNetwork("densenet", (3, size, size), seed)
    x = net.conv(net.input, "stem", 2 * growth)
    for block in range(3):
        for layer in range(depth):
            name = f"block{block}.{layer}"
            y = net.act(net.norm(x, f"{name}.bn"), f"{name}.relu")
            x = net.concat([x, net.conv(y, f"{name}.conv", growth)], f"{name}.concat")
        if block < 2:
            y = net.act(net.norm(x, f"down{block}.bn"), f"down{block}.relu")
            y = net.conv(y, f"down{block}.conv", net.width(x) // 2, kernel=1)
            x = net.pool(y, f"down{block}.pool", op="AveragePool")
    return net.classifier(net.act(net.norm(x, "last.bn"), "last.relu"), classes)


def inception(seed: int = 0, *, size: int = 32, classes: int = 10) -> onnx.ModelProto:
    """Inception modules: convolutions of three sizes and a max pool side by side."""
    net = SeededNetwork("inception", (3, size, size), seed)
    x = net.unit(net.input, "stem", 32)
    for index, width in enumerate((16, 24, 32)):
        x = _module(net, x, f"module{index}", width)
        x = net.pool(x, f"pool{index}", 3, padding=1)
    return net.classifier(x, classes)


def unet(seed: int = 0, *, size: int = 64, classes: int = 2) -> onnx.ModelProto:
    """U-Net: down by max pools, up by transposed convolutions and one Resize, with skips; [N, classes, size, size]."""
    net = SeededNetwork("unet", (3, size, size), seed)
    skips, x = [], net.input
    for level, width in enumerate((16, 32, 64)):
        skips.append(_double(net, x, f"down{level}", width))
        x = net.pool(skips[-1], f"pool{level}")
    x = _double(net, x, "bottom", 128)
    for level, skip in reversed(list(enumerate(skips))):
        x = net.upconv(x, f"up{level}.conv", net.width(skip)) if level else _enlarged(net, x, "up0")
        x = _double(net, net.concat([skip, x], f"up{level}.concat"), f"up{level}", net.width(skip))
    return net.builder.build(net.conv(x, "head", classes, kernel=1, bias=True), "mask", classes, size, size)


def detector(seed: int = 0, *, size: int = 64, classes: int = 3) -> onnx.ModelProto:
    """YOLO-like detector: a backbone of leaky ReLUs and two grids of boxes; the finer grid also reads features of the
    coarser.
    """
    net = SeededNetwork("detector", (3, size, size), seed)
    x, maps = net.input, []
    for level, width in enumerate((16, 32, 64, 128)):
        x = net.unit(x, f"stage{level}.down", width, stride=2, relu=False)
        x = net.act(x, f"stage{level}.down.act", "LeakyRelu")
        y = net.act(net.unit(x, f"stage{level}.side", width, relu=False), f"stage{level}.side.act", "LeakyRelu")
        x = net.op("Add", [x, y], f"stage{level}.add")
        maps.append(x)
    fine = net.concat([maps[-2], _enlarged(net, net.conv(maps[-1], "lateral", 64, kernel=1), "lateral")], "merge")
    fine = net.act(net.unit(fine, "fine", 64, relu=False), "fine.act", "LeakyRelu")
    boxes = 3 * (5 + classes)
    grids = {
        "coarse": (net.conv(maps[-1], "coarse_head", boxes, kernel=1, bias=True), (boxes, size // 16, size // 16)),
        "fine": (net.conv(fine, "fine_head", boxes, kernel=1, bias=True), (boxes, size // 8, size // 8)),
    }
    return net.builder.build_all(grids)


def _module(net: SeededNetwork, x: str, name: str, width: int) -> str:
    one = net.unit(x, f"{name}.one", width, kernel=1)
    three = net.unit(net.unit(x, f"{name}.three.narrow", width, kernel=1), f"{name}.three", 2 * width)
    five = net.unit(net.unit(x, f"{name}.five.narrow", width // 2, kernel=1), f"{name}.five", width, kernel=5)
    pooled = net.pool(x, f"{name}.pool", 3, stride=1, padding=1)
    return net.concat([one, three, five, net.unit(pooled, f"{name}.pooled", width, kernel=1)], f"{name}.concat")


def _double(net: SeededNetwork, x: str, name: str, width: int) -> str:
    return net.unit(net.unit(x, f"{name}.a", width), f"{name}.b", width)


def _enlarged(net: SeededNetwork, x: str, name: str) -> str:
    """Twice as high and wide, pixels repeated."""
    scales = net.builder.constant(f"{name}.scales", np.array([1, 1, 2, 2], np.float32))
    kinds = {"mode": "nearest", "coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
    return net.op("Resize", [x, "", scales], f"{name}.resize", **kinds)
