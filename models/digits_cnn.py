# SPDX-License-Identifier: Apache-2.0
"""Trains the small residual CNN that ships with the package, and writes it as ONNX.

    python -m snncc.models.digits_cnn models/digits_cnn.onnx
    python -m snncc.models.digits_cnn models/digits_cnn_silu.onnx --activation silu
    python -m snncc.models.digits_cnn models/digits_cnn_gelu.onnx --activation gelu

needs torch (a CPU build is enough) and scikit-learn, and takes about ten seconds each. conv - bn - relu - residual
block - max pool - conv - bn - relu - global average pool - linear: the most common layers, in 10 k weights. With SiLU
or GELU instead of the ReLU the activations consist of the nodes that torch exports at opset 17.
"""

from __future__ import annotations

import argparse
import importlib
import math
from pathlib import Path
from typing import Any

import numpy as np
import onnx

from snncc.models.builder import Array, NetworkBuilder
from snncc.models.digits import Digits, load_digits

__all__ = ["build", "train"]

_WIDTH = 16
_EPOCHS = 40
_BATCH = 32
_SEED = 0

# Convolutions by name: channels in and out. Each is 3x3, padded, without a bias, and followed by BatchNormalization.
_CONVS = {
    "stem": (1, _WIDTH),
    "block.a": (_WIDTH, _WIDTH),
    "block.b": (_WIDTH, _WIDTH),
    "wide": (_WIDTH, 2 * _WIDTH),
}
_CLASSES = 10
_ACTIVATIONS = ("relu", "silu", "gelu")


def build(weights: dict[str, Array], activation: str = "relu") -> onnx.ModelProto:
    """The network as ONNX, [N, 1, 8, 8] -> [N, 10]; `weights` are named as in torch's state dict."""
    net = NetworkBuilder("digits_cnn", (1, 8, 8))

    def unit(x: str, name: str) -> str:
        x = net.conv(x, f"{name}.conv", weights[f"{name}.conv.weight"], padding=1)
        parts = ("weight", "bias", "running_mean", "running_var")
        return net.batch_norm(x, f"{name}.bn", [weights[f"{name}.bn.{part}"] for part in parts])

    def active(x: str, name: str) -> str:
        return _activation(net, activation, x, f"{name}.{activation}")

    x = active(unit(net.input, "stem"), "stem")
    y = active(unit(x, "block.a"), "block.a")
    x = active(net.add("Add", [unit(y, "block.b"), x], "block.add"), "block")
    x = net.add("MaxPool", [x], "pool", kernel_shape=[2, 2], strides=[2, 2])
    x = active(unit(x, "wide"), "wide")
    x = net.add("Flatten", [net.add("GlobalAveragePool", [x], "gap")], "flatten")
    return net.build(net.gemm(x, "fc", weights["fc.weight"], weights["fc.bias"]), "logits", _CLASSES)


def train(data: Digits, activation: str = "relu") -> dict[str, Array]:
    """The trained weights: Adam with a one-cycle schedule, images shifted by up to one pixel, all seeded."""
    torch: Any = importlib.import_module("torch")
    torch.manual_seed(_SEED)
    torch.set_num_threads(1)  # sums in one order
    torch.use_deterministic_algorithms(True)
    layers = _layers(torch)
    images, labels = torch.from_numpy(data.train_images), torch.from_numpy(data.train_labels)
    steps = -(-len(images) // _BATCH)
    optimizer = torch.optim.AdamW([p for m in layers.values() for p in m.parameters()], weight_decay=1e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 0.01, epochs=_EPOCHS, steps_per_epoch=steps)
    for _ in range(_EPOCHS):
        for index in torch.randperm(len(images)).split(_BATCH):
            logits = _forward(torch, layers, _shifted(torch, images[index]), activation)
            loss = torch.nn.functional.cross_entropy(logits, labels[index], label_smoothing=0.05)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
    return {
        f"{name}.{key}": value.numpy()
        for name, layer in layers.items()
        for key, value in layer.state_dict().items()
        if value.ndim
    }


def _activation(net: NetworkBuilder, activation: str, x: str, name: str) -> str:
    """relu(x); silu(x) = x·sigmoid(x); gelu(x) = x·(1 + erf(x/√2))/2, in the nodes that torch's exporter writes."""
    if activation == "relu":
        return net.add("Relu", [x], name)
    if activation == "silu":
        return net.add("Mul", [x, net.add("Sigmoid", [x], f"{name}.sigmoid")], name)

    def constant(value: float, of: str) -> str:
        return net.add("Constant", [], f"{name}.{of}", value_float=value)

    y = net.add("Erf", [net.add("Div", [x, constant(math.sqrt(2), "sqrt2")], f"{name}.div")], f"{name}.erf")
    y = net.add("Mul", [x, net.add("Add", [y, constant(1.0, "one")], f"{name}.add")], f"{name}.mul")
    return net.add("Mul", [y, constant(0.5, "half")], name)


def _layers(torch: Any) -> dict[str, Any]:
    layers: dict[str, Any] = {}
    for name, (width_in, width) in _CONVS.items():
        layers[f"{name}.conv"] = torch.nn.Conv2d(width_in, width, 3, padding=1, bias=False)
        layers[f"{name}.bn"] = torch.nn.BatchNorm2d(width)
    return layers | {"fc": torch.nn.Linear(2 * _WIDTH, _CLASSES)}


def _forward(torch: Any, layers: dict[str, Any], x: Any, activation: str) -> Any:
    active = getattr(torch.nn.functional, activation)

    def unit(x: Any, name: str) -> Any:
        return layers[f"{name}.bn"](layers[f"{name}.conv"](x))

    x = active(unit(x, "stem"))
    x = active(unit(active(unit(x, "block.a")), "block.b") + x)
    x = active(unit(torch.nn.functional.max_pool2d(x, 2), "wide"))
    return layers["fc"](x.mean((2, 3)))


def _shifted(torch: Any, images: Any) -> Any:
    padded = torch.nn.functional.pad(images, (1, 1, 1, 1))
    top, left = torch.randint(0, 3, (2,)).tolist()
    return padded[:, :, top : top + images.shape[2], left : left + images.shape[3]]


def main(path: Path, activation: str) -> None:
    """Train, write the network to `path`, and print its accuracy in onnxruntime."""
    import onnxruntime as ort

    data = load_digits()
    model = build(train(data, activation), activation)
    path.write_bytes(model.SerializeToString(deterministic=True))
    session = ort.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    logits = session.run(None, {"input": data.test_images})[0]
    accuracy = float(np.mean(logits.argmax(1) == data.test_labels))
    print(f"{path}: {path.stat().st_size} bytes, {100 * accuracy:.1f} % of {len(data.test_labels)} test images")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Train the digits CNN and write it as ONNX.")
    parser.add_argument("path", type=Path)
    parser.add_argument("--activation", choices=_ACTIVATIONS, default="relu")
    arguments = parser.parse_args()
    main(arguments.path, arguments.activation)
