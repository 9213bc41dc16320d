# SPDX-License-Identifier: Apache-2.0
"""Networks with Max, Min and Clip in any position: constant, computed, infinite, huge, reached or unreached bounds."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import onnx

from tests.generated.harness import Case
from tests.generated.net import Net

__all__ = ["draw"]

Rng = np.random.Generator

_LARGE = (10.0, 100.0, 1e4, 65504.0, 1e9, 3.4e38, float("inf"))


def draw(rng: Rng) -> Case:
    """A network with bounds at its input, on potentials, on spikes and at its end, as drawn."""
    opset = int(rng.choice([7, 8, 9, 10, 11, 12, 13, 17, 20, 21, 22]))
    kind = np.float32 if opset < 12 or rng.random() < 0.8 else rng.choice([np.float64, np.float16])
    net = Net(rng, kind)
    x = "x"
    places = rng.random(4) < 0.45
    if not places.any():
        places[rng.integers(4)] = True
    if places[0]:
        x = _bounds(net, x, opset)
    h = net.layer(x)
    if places[1]:
        h = _bounds(net, h, opset)
        h = net.add("Add", [h, net.constant(rng.normal(0.2, 0.3, net.width))]) if rng.random() < 0.5 else h
    h = net.add("Relu", [h])
    if places[2]:
        h = _bounds(net, h, opset) if kind is np.float32 else _with_constants(net, h, opset)  # onnxruntime fails else
    h = net.layer(net.add("Relu", [net.layer(h)]))
    if places[3]:  # no layer follows, in which values would cancel out and errors would not
        h = net.add("Mul", [_bounds(net, h, opset), net.constant(1.5)])
    model = net.model(h, net.width, opset)
    data = (rng.normal(0, rng.choice([0.3, 1, 4]), (96, net.width))).astype(kind)
    return Case(model, {"x": data}, onnx.printer.to_text(model))


def _bounds(net: Net, x: str, opset: int) -> str:
    """One or two bounds of what is drawn, in a row."""
    for _ in range(int(net.rng.integers(1, 3))):
        kinds: list[Callable[[Net, str, int], str]] = [_clip, _clip, _with_constants, _with_constants]
        kinds += [_of_activations, _clip_by_activations] if opset >= 12 else [_of_activations]
        x = kinds[int(net.rng.integers(len(kinds)))](net, x, opset)
    return x


def _bound(net: Net, side: int) -> float:
    """A bound below (-1) or above (1) most values, or the wrong way round now and then."""
    value = float(net.rng.choice(_LARGE)) if net.rng.random() < 0.5 else float(abs(net.rng.normal(0, 1)))
    return side * value * (-1 if net.rng.random() < 0.1 and value < 2 else 1)


def _clip(net: Net, x: str, opset: int) -> str:
    low, high = (_bound(net, side) if net.rng.random() < 0.75 else None for side in (-1, 1))
    low = 0.0 if net.rng.random() < 0.15 else low
    if opset < 11:
        high = None if high is not None and high < max(low or 0, 0) else high  # which onnxruntime fails at
        return net.add(
            "Clip", [x], **{k: v for k, v in (("min", low), ("max", high)) if v is not None and np.isfinite(v)}
        )
    given = ["" if v is None else net.constant(v) for v in (low, high)]
    while given and not given[-1]:
        given.pop()
    return net.add("Clip", [x, *given])


def _with_constants(net: Net, x: str, opset: int) -> str:
    """Max or Min with constants: none, one or two, numbers or one for each channel."""
    op, count = str(net.rng.choice(["Max", "Min"])), int(net.rng.choice([0, 1, 1, 1, 2]))
    if opset < 8:  # which does not broadcast
        count = 0
    side = -1 if op == "Max" else 1
    inputs = [x]
    for _ in range(count):
        each = net.rng.random() < 0.3
        value = [_bound(net, side) for _ in range(net.width)] if each else _bound(net, side)
        inputs.append(net.constant(value))
    net.rng.shuffle(inputs)
    return net.add(op, inputs)


def _of_activations(net: Net, x: str, opset: int) -> str:
    """Max or Min of two or three activations, one of them a value for the whole sample where axes allow it."""
    op = str(net.rng.choice(["Max", "Min"]))
    others = [net.layer(x) for _ in range(int(net.rng.integers(1, 3)))]
    if opset >= 8 and net.rng.random() < 0.3:
        others.append(net.constant(_bound(net, -1 if op == "Max" else 1)))
    return net.add(op, [x, *others])


def _clip_by_activations(net: Net, x: str, _opset: int) -> str:
    """Bounds that are computed, from activations or from a shape."""
    length = net.add("Cast", [net.add("Size", [net.add("Shape", [x])])], to=net.element)
    low = net.add("Neg", [length]) if net.rng.random() < 0.5 else ""
    return net.add("Clip", [x, low, length])
