# SPDX-License-Identifier: Apache-2.0
"""Networks with masks: infinite and very large constants in Add, Sub, Where, Max and Min, at the end and inside."""

from __future__ import annotations

import numpy as np
import onnx

from tests.generated.harness import Case
from tests.generated.net import Net

__all__ = ["draw"]

_FAR = (float("inf"), float("inf"), 3.4e38, 1e9, 65504.0)


def draw(rng: np.random.Generator) -> Case:
    """A mask after two layers, then an end, a Softmax or a ReLU with a layer after them."""
    net = Net(rng)
    x = net.layer(net.add("Relu", [net.layer("x")]))
    x = net.add("Relu", [x]) if rng.random() < 0.3 else x
    hidden = rng.random(net.width) < 0.4
    hidden[int(rng.integers(net.width))] = False
    end = str(rng.choice(["plain", "softmax", "softmax inside", "relu"]))
    far = _FAR[: 3 if end == "plain" else None]  # what is left of the others as outputs would hide errors
    x = _masked(net, x, hidden, float(rng.choice(far)))
    if rng.random() < 0.3 and end != "plain":
        x = net.add("Mul", [x, net.constant(0.5)])
    size = net.width
    if end == "softmax":
        x = net.add("Softmax", [x], axis=-1)
    elif end != "plain":
        x = net.add("Softmax", [x], axis=-1) if end == "softmax inside" else net.add("Relu", [x])
        x, size = net.layer(net.add("Relu", [net.layer(x)]), 3), 3
    model = net.model(x, size, int(rng.choice([13, 17, 21])))
    data = rng.normal(0, 1, (64, net.width)).astype(np.float32)
    return Case(model, {"x": data}, onnx.printer.to_text(model))


def _masked(net: Net, x: str, hidden: np.ndarray, far: float) -> str:
    """x with -far, or as good as that, where it is hidden."""
    mask = np.where(hidden, -far, 0.0)
    match int(net.rng.integers(6)):
        case 0:
            return net.add("Add", [x, net.constant(mask)])
        case 1:
            return net.add("Add", [net.constant(mask[None]), x])
        case 2:
            return net.add("Sub", [x, net.constant(np.where(hidden, far, 0.0))])
        case 3:
            return net.add("Where", [net.constant(~hidden, np.bool_), x, net.constant(-far)])
        case 4:
            return net.add("Where", [net.constant(hidden, np.bool_), net.constant(mask), x])
        case _:
            return net.add(
                "Max", [net.add("Add", [x, net.constant(mask)]), net.constant(-float(net.rng.choice(_FAR[1:3])))]
            )
