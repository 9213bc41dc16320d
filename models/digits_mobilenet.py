# SPDX-License-Identifier: Apache-2.0
"""Trains the small network like MobileNet v3 that ships with the package, and writes it as ONNX.

    python -m snncc.models.digits_mobilenet models/digits_mobilenet.onnx

needs torch (a CPU build is enough) and scikit-learn, and takes about two minutes. Inverted residual blocks with
HardSwish and linear bottlenecks; squeeze and excitation multiplies by a HardSigmoid.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import onnx

from snncc.models.builder import Array, NetworkBuilder
from snncc.models.digits import Digits, load_digits
from snncc.models.digits_training import Recipe, fit, seeded_torch, write

__all__ = ["build", "train"]

_CLASSES = 10
_RECIPE = Recipe(epochs=60, rate=0.01, decay=0.01, smoothing=0.05)
_SEED = 0
_STEM = 8
# (Channels in, widened, out, kernel, stride, squeeze and excitation) of each block.
_BLOCKS = ((8, 24, 8, 3, 1, True), (8, 32, 16, 3, 2, True), (16, 48, 16, 3, 1, False), (16, 64, 24, 5, 2, True))
_LAST = (24, 96, 64)  # channels in, of the last convolution, and of the layer before the classes


def build(weights: dict[str, Array]) -> onnx.ModelProto:
    """The network as ONNX, [N, 1, 8, 8] -> [N, 10]; `weights` are named as `train` names them."""
    net = _Layers("digits_mobilenet", (1, 8, 8))
    net.values = weights
    x = net.active(net.unit(net.input, "stem"), "stem")
    for index, (before, _, after, _, stride, squeeze) in enumerate(_BLOCKS):
        name = f"block{index}"
        y = net.active(net.unit(x, f"{name}.widen"), f"{name}.widen")
        y = net.active(net.unit(y, f"{name}.depth", stride, depthwise=True), f"{name}.depth")
        y = net.unit(net.excited(y, name) if squeeze else y, f"{name}.narrow")
        x = net.add("Add", [x, y], f"{name}.sum") if stride == 1 and before == after else y
    x = net.add("GlobalAveragePool", [net.active(net.unit(x, "last"), "last")], "mean")
    x = net.add("Flatten", [x], "flatten")
    x = net.active(net.gemm(x, "wide", weights["wide.weight"], weights["wide.bias"]), "wide")
    return net.build(net.gemm(x, "fc", weights["fc.weight"], weights["fc.bias"]), "logits", _CLASSES)


class _Layers(NetworkBuilder):
    """Layers of an inverted residual block."""

    values: dict[str, Array]

    def unit(self, x: str, name: str, stride: int = 1, *, depthwise: bool = False) -> str:
        """Convolution and BatchNormalization."""
        weight = self.values[f"{name}.conv.weight"]
        padding, groups = weight.shape[-1] // 2, len(weight) if depthwise else 1
        x = self.conv(x, f"{name}.conv", weight, stride=stride, padding=padding, groups=groups)
        parts = ("weight", "bias", "running_mean", "running_var")
        return self.batch_norm(x, f"{name}.bn", [self.values[f"{name}.bn.{part}"] for part in parts])

    def active(self, x: str, name: str) -> str:
        """HardSwish."""
        return self.add("HardSwish", [x], f"{name}.active")

    def excited(self, x: str, name: str) -> str:
        """x · HardSigmoid(W relu(V mean(x)))."""
        y = self.add("GlobalAveragePool", [x], f"{name}.squeeze")
        for part in ("less", "more"):
            weight, bias = (self.values[f"{name}.{part}.{kind}"] for kind in ("weight", "bias"))
            y = self.conv(y, f"{name}.{part}", weight, bias)
            y = self.add("Relu", [y], f"{name}.relu") if part == "less" else y
        gate = self.add("HardSigmoid", [y], f"{name}.gate", alpha=1 / 6, beta=0.5)
        return self.add("Mul", [x, gate], f"{name}.excite")


def train(data: Digits) -> dict[str, Array]:
    """The trained weights: AdamW with a one-cycle schedule, images shifted by up to one pixel, all seeded."""
    torch = seeded_torch(_SEED)
    layers = _layers(torch)
    weights = [parameter for layer in layers.values() for parameter in layer.parameters()]
    fit(torch, weights, lambda images: _forward(torch, layers, images), data, _RECIPE)
    return {
        f"{name}.{key}": value.numpy()
        for name, layer in layers.items()
        for key, value in layer.state_dict().items()
        if value.ndim
    }


def _layers(torch: Any) -> dict[str, Any]:
    found: dict[str, Any] = {}

    def unit(name: str, before: int, after: int, kernel: int, stride: int = 1, groups: int = 1) -> None:
        conv = torch.nn.Conv2d(before, after, kernel, stride, kernel // 2, groups=groups, bias=False)
        found.update({f"{name}.conv": conv, f"{name}.bn": torch.nn.BatchNorm2d(after)})

    unit("stem", 1, _STEM, 3)
    for index, (before, widened, after, kernel, stride, squeeze) in enumerate(_BLOCKS):
        unit(f"block{index}.widen", before, widened, 1)
        unit(f"block{index}.depth", widened, widened, kernel, stride, widened)
        unit(f"block{index}.narrow", widened, after, 1)
        if squeeze:
            found[f"block{index}.less"] = torch.nn.Conv2d(widened, widened // 4, 1)
            found[f"block{index}.more"] = torch.nn.Conv2d(widened // 4, widened, 1)
    before, last, wide = _LAST
    unit("last", before, last, 1)
    return found | {"wide": torch.nn.Linear(last, wide), "fc": torch.nn.Linear(wide, _CLASSES)}


def _forward(torch: Any, layers: dict[str, Any], x: Any) -> Any:
    functional = torch.nn.functional

    def unit(x: Any, name: str) -> Any:
        return layers[f"{name}.bn"](layers[f"{name}.conv"](x))

    x = functional.hardswish(unit(x, "stem"))
    for index, (before, _, after, _, stride, squeeze) in enumerate(_BLOCKS):
        name = f"block{index}"
        y = functional.hardswish(unit(functional.hardswish(unit(x, f"{name}.widen")), f"{name}.depth"))
        if squeeze:
            gate = layers[f"{name}.more"](functional.relu(layers[f"{name}.less"](y.mean((2, 3), keepdim=True))))
            y = y * functional.hardsigmoid(gate)
        y = unit(y, f"{name}.narrow")
        x = x + y if stride == 1 and before == after else y
    x = functional.hardswish(unit(x, "last")).mean((2, 3))
    return layers["fc"](functional.hardswish(layers["wide"](x)))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Train a network like MobileNet v3 on the digits, write it as ONNX.")
    parser.add_argument("path", type=Path)
    write(parser.parse_args().path, build(train(load_digits())))
