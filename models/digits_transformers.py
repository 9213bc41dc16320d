# SPDX-License-Identifier: Apache-2.0
"""Trains the two small transformers that ship with the package, and writes them as ONNX.

    python -m snncc.models.digits_transformers models/digits_vit.onnx
    python -m snncc.models.digits_transformers models/digits_bert.onnx --kind bert

needs torch (a CPU build is enough) and scikit-learn, and takes about two minutes each. Both classify the digits. `vit`
reads patches of 2 x 2 pixels and normalises in front of each branch; `bert` reads the pixels as a sequence of 64 token
ids from 0 to 16, normalises behind each sum, and ends in a pooler with tanh. Attention and GELU consist of the nodes
that torch exports at opset 17.
"""

from __future__ import annotations

import argparse
import math
from pathlib import Path
from typing import Any

import numpy as np
import onnx

from snncc.models.builder import Array, NetworkBuilder
from snncc.models.digits import Digits, load_digits
from snncc.models.digits_training import Recipe, fit, seeded_torch, write

__all__ = ["build", "inputs_of", "train"]

_WIDTH = 32
_HEADS = 4
_DEPTH = 2
_CLASSES = 10
_IDS, _PATCH = 17, 2  # grey levels; pixels
_RECIPE = Recipe(epochs=120, rate=3e-3, decay=0.05, smoothing=0.1, bend=0.15)
_SEED = 0


def inputs_of(images: Array, kind: str) -> Array:
    """What the network reads: images [N, 1, H, W], or their pixels as token ids [N, H W]."""
    return images if kind == "vit" else np.rint(images * (_IDS - 1)).astype(np.int64).reshape(len(images), -1)


def build(weights: dict[str, Array], kind: str) -> onnx.ModelProto:
    """The network as ONNX, [N, 1, H, W] or [N, L] -> [N, 10]; `weights` are named as `train` names them."""
    tokens, width = weights["position"].shape
    net = _Layers(f"digits_{kind}", weights, kind, tokens)
    if kind == "vit":
        patch = weights["embed.weight"].shape[-1]
        x = net.conv(net.input, "embed", weights["embed.weight"], weights["embed.bias"], stride=patch)
        x = net.add("Reshape", [x, net.constant("flat", np.array([0, width, tokens]))], "flatten")
        x = net.add("Transpose", [x], "tokens", perm=[0, 2, 1])
    else:
        x = net.add("Gather", [net.constant("embed.weight", weights["embed.weight"]), net.input], "embed")
    x = net.add("Add", [x, net.constant("position", weights["position"])], "embedded")
    x = x if kind == "vit" else net.norm(x, "first")
    for index in range(sum(name.endswith(".up.weight") for name in weights)):
        x = net.block(x, f"layer{index}")
    x = net.add("ReduceMean", [net.norm(x, "last") if kind == "vit" else x], "mean", axes=[1], keepdims=0)
    if kind == "bert":
        x = net.add("Tanh", [net.linear(x, "pooler")], "tanh")
    return net.build(net.linear(x, "fc"), "logits", _CLASSES)


class _Layers(NetworkBuilder):
    """Layers of a transformer on [N, tokens, width]."""

    def __init__(self, name: str, weights: dict[str, Array], kind: str, tokens: int) -> None:
        image = [1, *[math.isqrt(tokens) * weights["embed.weight"].shape[-1]] * 2]
        super().__init__(name, image if kind == "vit" else [tokens], np.float32 if kind == "vit" else np.int64)
        self._values, self._before, self._tokens = weights, kind == "vit", tokens
        self._width = weights["position"].shape[1]

    def block(self, x: str, name: str) -> str:
        """Attention and two linear layers, each added to its input and normalised before or after."""
        for branch, part in ((self._attention, "attention"), (self._hidden, "hidden")):
            norm = f"{name}.{part}.norm"
            y = branch(self.norm(x, norm) if self._before else x, f"{name}.{part}" if part == "attention" else name)
            x = self.add("Add", [x, y], f"{name}.{part}.sum")
            x = x if self._before else self.norm(x, norm)
        return x

    def norm(self, x: str, name: str) -> str:
        """LayerNormalization over the width."""
        parts = [self._weight(f"{name}.{part}", self._values[f"{name}.{part}"]) for part in ("weight", "bias")]
        return self.add("LayerNormalization", [x, *parts], name, axis=-1, epsilon=1e-5)

    def _attention(self, x: str, name: str) -> str:
        each = self._width // _HEADS
        shape = self.constant(f"{name}.heads", np.array([0, self._tokens, _HEADS, each]))
        perms = {"q": [0, 2, 1, 3], "k": [0, 2, 3, 1], "v": [0, 2, 1, 3]}

        def turned(part: str, perm: list[int]) -> str:
            split = self.add("Reshape", [self.linear(x, f"{name}.{part}"), shape], f"{name}.{part}.split")
            return self.add("Transpose", [split], f"{name}.{part}.turn", perm=perm)

        q, k, v = (turned(part, perm) for part, perm in perms.items())
        scores = self.add("MatMul", [q, k], f"{name}.scores")
        root = self.constant(f"{name}.root", np.float32(math.sqrt(each)))
        shares = self.add("Softmax", [self.add("Div", [scores, root], f"{name}.scaled")], f"{name}.softmax", axis=-1)
        mixed = self.add("MatMul", [shares, v], f"{name}.mix")
        mixed = self.add("Transpose", [mixed], f"{name}.back", perm=[0, 2, 1, 3])
        joined = self.constant(f"{name}.joined", np.array([0, self._tokens, self._width]))
        return self.linear(self.add("Reshape", [mixed, joined], f"{name}.join"), f"{name}.out")

    def _hidden(self, x: str, name: str) -> str:
        return self.linear(self._gelu(self.linear(x, f"{name}.up"), f"{name}.gelu"), f"{name}.down")

    def linear(self, x: str, name: str) -> str:
        """x · weight + bias."""
        matrix, bias = (self._weight(f"{name}.{part}", self._values[f"{name}.{part}"]) for part in ("weight", "bias"))
        return self.add("Add", [self.add("MatMul", [x, matrix], f"{name}.product"), bias], name)

    def _gelu(self, x: str, name: str) -> str:
        constants = {"root": math.sqrt(2), "one": 1.0, "half": 0.5}
        root, one, half = (self.constant(f"{name}.{key}", np.float32(value)) for key, value in constants.items())
        y = self.add("Erf", [self.add("Div", [x, root], f"{name}.div")], f"{name}.erf")
        y = self.add("Mul", [x, self.add("Add", [y, one], f"{name}.add")], f"{name}.mul")
        return self.add("Mul", [y, half], name)


def train(data: Digits, kind: str) -> dict[str, Array]:
    """The trained weights: AdamW with a one-cycle schedule, images turned, scaled and moved a little, all seeded."""
    torch = seeded_torch(_SEED)
    side = data.train_images.shape[-1] // (_PATCH if kind == "vit" else 1)
    weights = _first_weights(torch, kind, side**2)
    fit(torch, list(weights.values()), lambda images: _forward(torch, weights, images, kind), data, _RECIPE)
    return {name: value.detach().numpy() for name, value in weights.items()}


def _first_weights(torch: Any, kind: str, tokens: int) -> dict[str, Any]:
    width = _WIDTH
    found: dict[str, Any] = {"position": 0.02 * torch.randn(tokens, width)}

    def add(name: str, layer: Any) -> None:
        found.update({f"{name}.{key}": value for key, value in layer.state_dict().items()})

    def linear(name: str, before: int, after: int) -> None:
        layer = torch.nn.Linear(before, after)
        found.update({f"{name}.weight": layer.weight.detach().T.contiguous(), f"{name}.bias": layer.bias.detach()})

    if kind == "vit":
        add("embed", torch.nn.Conv2d(1, width, _PATCH, _PATCH))
    else:
        add("embed", torch.nn.Embedding(_IDS, width))
        linear("pooler", width, width)
    add("last" if kind == "vit" else "first", torch.nn.LayerNorm(width))
    for name in (f"layer{index}" for index in range(_DEPTH)):
        for part in "qkv":
            linear(f"{name}.attention.{part}", width, width)
        linear(f"{name}.attention.out", width, width)
        add(f"{name}.attention.norm", torch.nn.LayerNorm(width))
        linear(f"{name}.up", width, 4 * width)
        linear(f"{name}.down", 4 * width, width)
        add(f"{name}.hidden.norm", torch.nn.LayerNorm(width))
    linear("fc", width, _CLASSES)
    return {name: value.requires_grad_() for name, value in found.items()}


def _forward(torch: Any, weights: dict[str, Any], images: Any, kind: str) -> Any:
    functional = torch.nn.functional

    def linear(x: Any, name: str) -> Any:
        return x @ weights[f"{name}.weight"] + weights[f"{name}.bias"]

    def norm(x: Any, name: str) -> Any:
        return functional.layer_norm(x, x.shape[-1:], weights[f"{name}.weight"], weights[f"{name}.bias"])

    def attention(x: Any, name: str) -> Any:
        heads = (linear(x, f"{name}.{part}").unflatten(-1, (_HEADS, -1)).transpose(1, 2) for part in "qkv")
        return linear(functional.scaled_dot_product_attention(*heads).transpose(1, 2).flatten(2), f"{name}.out")

    def hidden(x: Any, name: str) -> Any:
        return linear(functional.gelu(linear(x, f"{name}.up")), f"{name}.down")

    if kind == "vit":
        kernel = weights["embed.weight"]
        x = functional.conv2d(images, kernel, weights["embed.bias"], stride=kernel.shape[-1]).flatten(2).transpose(1, 2)
    else:
        ids = (images * (_IDS - 1)).round().long().flatten(1)
        x = weights["embed.weight"][ids]
    x = x + weights["position"]
    x = x if kind == "vit" else norm(x, "first")
    for name in (f"layer{index}" for index in range(_DEPTH)):
        if kind == "vit":
            x = x + attention(norm(x, f"{name}.attention.norm"), f"{name}.attention")
            x = x + hidden(norm(x, f"{name}.hidden.norm"), name)
        else:
            x = norm(x + attention(x, f"{name}.attention"), f"{name}.attention.norm")
            x = norm(x + hidden(x, name), f"{name}.hidden.norm")
    x = norm(x, "last").mean(1) if kind == "vit" else torch.tanh(linear(x.mean(1), "pooler"))
    return linear(x, "fc")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Train a transformer on the digits and write it as ONNX.")
    parser.add_argument("path", type=Path)
    parser.add_argument("--kind", choices=("vit", "bert"), default="vit")
    arguments = parser.parse_args()
    trained = build(train(load_digits(), arguments.kind), arguments.kind)
    write(arguments.path, trained, lambda images: inputs_of(images, arguments.kind))
