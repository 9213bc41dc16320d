# SPDX-License-Identifier: Apache-2.0
"""Networks with activations other than ReLU: any activation, in any equivalent form, after any scale."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tests.generated.harness import Case
from tests.generated.net import Net

__all__ = ["KINDS", "Lone", "draw", "draw_lone"]

# By activation: the nodes that compute it of a tensor.
KINDS = ("sigmoid", "tanh", "swish", "hardswish", "elu", "softplus", "gelu", "gelu-tanh", "mish")
_OPS = {"sigmoid": "Sigmoid", "tanh": "Tanh", "elu": "Elu", "softplus": "Softplus", "mish": "Mish", "gelu": "Gelu"}
_SAMPLES = 64


@dataclass(frozen=True)
class Lone:
    """y = c f(s x + b) alone, and inputs that lie far beyond those of calibration."""

    case: Case
    kind: str
    scale: np.ndarray
    bias: np.ndarray
    factor: float
    wild: np.ndarray


def draw_lone(rng: np.random.Generator) -> Lone:
    """Scales from a thousandth to ten thousand, and inputs up to 1e30 after them."""
    net, kind = Net(rng, width=6), str(rng.choice(KINDS))
    scale = (10 ** rng.uniform(-3, 4) * rng.uniform(0.5, 1, net.width)).astype(np.float32)
    bias = (np.abs(scale).max() * rng.normal(0, 0.3, net.width)).astype(np.float32)
    factor = float(np.float32(rng.uniform(0.5, 2)))
    scaled = net.add("Mul", ["x", net.constant(scale)])
    bent = _curve(net, kind, net.add("Add", [scaled, net.constant(bias)]))
    output = net.add("Mul", [bent, net.constant([factor])])
    x = rng.normal(0, 1, (_SAMPLES, net.width)).astype(np.float32)
    reach = 10 ** rng.uniform(0, 30 - np.log10(max(1, np.abs(scale).max())), x.shape)
    wild = (x * reach).astype(np.float32)
    case = Case(net.model(output, net.width, 20), {"x": x}, f"{kind}, scales {scale}, biases {bias}")
    return Lone(case, kind, scale, bias, factor, wild)


def draw(rng: np.random.Generator) -> Case:
    """Some layers with a curve after each, of ranges that are usual in networks."""
    net, x, kinds = Net(rng, width=8), "x", rng.choice(KINDS, int(rng.integers(1, 4)))
    for kind in kinds:
        x = _curve(net, str(kind), net.layer(x))
    output = net.layer(x, 5)
    feeds = {"x": rng.normal(0, rng.uniform(1, 4), (_SAMPLES, net.width)).astype(np.float32)}
    return Case(net.model(output, 5, 20), feeds, ", ".join(kinds))


def _curve(net: Net, kind: str, x: str) -> str:
    if kind == "swish":
        return net.add("Mul", [x, net.add("Sigmoid", [x])])
    if kind == "hardswish" and net.rng.random() < 0.5:
        return net.add("Mul", [x, net.add("HardSigmoid", [x], alpha=1 / 6, beta=0.5)])
    if kind == "hardswish":
        return net.add("HardSwish", [x])
    if kind == "gelu" and net.rng.random() < 0.5:
        erf = net.add("Erf", [net.add("Div", [x, net.constant(np.sqrt(2))])])
        return net.add("Mul", [net.add("Mul", [x, net.add("Add", [erf, net.constant(1)])]), net.constant(0.5)])
    if kind == "gelu-tanh":
        return net.add("Gelu", [x], approximate="tanh")
    return net.add(_OPS[kind], [x])
