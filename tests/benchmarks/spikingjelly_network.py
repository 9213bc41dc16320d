# SPDX-License-Identifier: Apache-2.0
"""The SpikingJelly process of spikingjelly_speed.py: ResNet-20 in torch, from an ONNX file's weights, converted.

Apart from the other so that a process that measures onnxruntime alone need not import torch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from onnx import numpy_helper
from spikingjelly.activation_based import functional
from spikingjelly.activation_based.ann2snn import Converter, RateCodingRecipe
from torch import nn
from torch.nn.functional import pad

__all__ = ["ResNet20", "check", "converted", "runner", "source"]

Images = np.ndarray[Any, Any]


class Shortcut(nn.Identity):
    """Every second pixel, with channels of zeros on both sides: He et al.'s option A, as in the ONNX file."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.channels = channels

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return pad(x[..., ::2, ::2], (0, 0, 0, 0, self.channels // 4, self.channels // 4))


Shortcut.__module__ = "torch.nn.shortcut"  # torch.fx then keeps it whole: the converter refuses what is in it


class Block(nn.Module):
    def __init__(self, before: int, channels: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(before, channels, 3, stride=channels // before, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.relu1 = nn.ReLU()
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self.shortcut: nn.Module = nn.Identity() if before == channels else Shortcut(channels)
        self.relu2 = nn.ReLU()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.bn2(self.conv2(self.relu1(self.bn1(self.conv1(x)))))
        return self.relu2(y + self.shortcut(x))


class ResNet20(nn.Module):
    """ResNet-20 for CIFAR-10, its parts named as in the ONNX file."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 16, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(16)
        self.relu = nn.ReLU()
        self.layer1 = nn.Sequential(Block(16, 16), Block(16, 16), Block(16, 16))
        self.layer2 = nn.Sequential(Block(16, 32), Block(32, 32), Block(32, 32))
        self.layer3 = nn.Sequential(Block(32, 64), Block(64, 64), Block(64, 64))
        self.pool = nn.AvgPool2d(8)
        self.flatten = nn.Flatten()
        self.linear = nn.Linear(64, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.layer3(self.layer2(self.layer1(self.relu(self.bn1(self.conv1(x))))))
        return self.linear(self.flatten(self.pool(x)))


def source(path: Path) -> ResNet20:
    """The ReLU network, with the weights of the ONNX file."""
    network = ResNet20().eval()
    names = set(network.state_dict())
    arrays = {w.name: numpy_helper.to_array(w) for w in onnx.load(path).graph.initializer if w.name in names}
    missing, _ = network.load_state_dict({k: torch.from_numpy(v.copy()) for k, v in arrays.items()}, strict=False)
    if wrong := [name for name in missing if not name.endswith("num_batches_tracked")]:
        raise SystemExit(f"{path} has no weights named {', '.join(wrong)}: not the ResNet-20 that this script knows")
    return network


def check(network: ResNet20, expected: Images, images: Images) -> None:
    """Stop if torch does not compute what onnxruntime does."""
    with torch.no_grad():
        difference = float(np.abs(network(torch.from_numpy(images)).numpy() - expected).max())
    if not difference <= 1e-4:
        raise SystemExit(f"ResNet-20 in torch differs from the ONNX file by {difference:.3g}")


def converted(network: ResNet20, calibration: Images) -> nn.Module:
    """The spiking network: thresholds at the 99.9th percentile of the activations, layer by layer."""
    batches = list(torch.from_numpy(calibration).split(100))
    return Converter(RateCodingRecipe(dataloader=batches, mode="99.9%")).convert(network).eval()


def runner(network: nn.Module, steps: int, images: Images, *, multi: bool) -> Callable[[], Images]:
    """One inference over `steps` steps: step by step, or all steps handed over at once."""
    x = torch.from_numpy(images)

    def loop() -> Iterator[torch.Tensor]:
        for _ in range(steps):
            yield network(x)

    def run() -> Images:
        functional.set_step_mode(network, "m" if multi else "s")
        with torch.no_grad():
            out = network(x.expand(steps, *x.shape)).sum(0) if multi else sum(loop())
        functional.reset_net(network)
        return (out / steps).numpy()

    return run
