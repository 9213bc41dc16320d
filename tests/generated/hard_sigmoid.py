# SPDX-License-Identifier: Apache-2.0
"""Networks with HardSigmoid, as an activation or a gate, Shrink and HardTanh, of any slope."""

from __future__ import annotations

import numpy as np
import onnx

from tests.generated.harness import Case
from tests.generated.net import Net

__all__ = ["draw"]


def draw(rng: np.random.Generator) -> Case:
    """Two layers of neurons, one of them an activation that consists of pieces."""
    net = Net(rng)
    first = net.layer("x")
    kind = int(rng.integers(4))
    if kind == 0:
        made = _hard_sigmoid(net, first)
    elif kind == 1:  # a gate
        made = net.add("Mul", [net.add("Relu", [net.layer("x")]), _hard_sigmoid(net, first)])
    elif kind == 2:
        width = float(rng.uniform(0.1, 0.6))
        made = net.add("Shrink", [first], lambd=width, bias=width if rng.random() < 0.7 else 0.0)
    else:
        made = net.add("Clip", [first, net.constant(-1.0), net.constant(1.0)])
    last = net.layer(net.add("Relu", [net.layer(made)]), 3)
    model = net.model(last, 3, int(rng.choice([14, 17, 20, 21])))
    return Case(
        model,
        {"x": rng.normal(0, rng.choice([0.5, 1, 3]), (64, net.width)).astype(np.float32)},
        onnx.printer.to_text(model),
    )


def _hard_sigmoid(net: Net, x: str) -> str:
    """Of the default slope, PyTorch's, or another one, also a falling one."""
    slopes = [{}, {"alpha": 1 / 6, "beta": 0.5}, {"alpha": 1.3, "beta": 0.1}, {"alpha": -0.4, "beta": 0.7}]
    return net.add("HardSigmoid", [x], **slopes[int(net.rng.integers(len(slopes)))])
