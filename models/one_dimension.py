# SPDX-License-Identifier: Apache-2.0
"""Untrained networks for vectors and waveforms: M5 for audio, and an autoencoder."""

from __future__ import annotations

import onnx

from snncc.models.seeded import SeededNetwork

__all__ = ["autoencoder", "m5"]


def m5(seed: int = 0, *, samples: int = 8000, classes: int = 35) -> onnx.ModelProto:
    """M5: five convolutions over a raw waveform, [N, 1, samples] -> [N, classes]."""
    net = SeededNetwork("m5", (1, samples), seed)
    x = net.unit(net.input, "conv1", 32, kernel=80, stride=16, padding=0)
    x = net.pool(x, "pool1", 4, stride=4)
    for index, width in enumerate((32, 64, 64), 2):
        x = net.pool(net.unit(x, f"conv{index}", width), f"pool{index}", 4, stride=4)
    return net.classifier(x, classes)


def autoencoder(seed: int = 0, *, size: int = 640) -> onnx.ModelProto:
    """Linear layers with BatchNormalization and ReLU, down to 8 values and up again: [N, size] -> [N, size]."""
    net = SeededNetwork("autoencoder", (size,), seed)
    x = net.input
    for index, width in enumerate((128, 128, 128, 8, 128, 128, 128)):
        x = net.act(net.norm(net.linear(x, f"fc{index}", width), f"fc{index}.bn"), f"fc{index}.relu")
    return net.builder.build(net.linear(x, "out", size), "reconstruction", size)
