# SPDX-License-Identifier: Apache-2.0
"""Draw networks with constants that are repeated for each sample, or along a second dynamic axis."""

from __future__ import annotations

import numpy as np

from tests.generated.harness import Case, model_of
from tests.generated.lines import Lines

__all__ = ["draw"]

_KNOWN = 4  # features


def draw(rng: np.random.Generator) -> Case:
    """x [N, 4], [N, 3, 4] or [N, L, 4], constants of its shape or of one row, sums and products and Concats of both."""
    net = Lines(rng)
    if rng.random() < 0.15:
        return _maps(net)
    length = [None, 3, "L"][rng.integers(3)]
    ranks = 2 if length is None else 3
    tensor = net.node("Relu", "x") if rng.random() < 0.5 else "x"
    strides = ranks == 3 and rng.random() < 0.25
    outputs = _strides(net, tensor, length) if strides else _joined(net, tensor, length, rng)
    shape = ", ".join(["N", *([str(length)] if length else []), str(_KNOWN)])
    places = {2: (), 3: (length if isinstance(length, int) else int(rng.integers(2, 7)),)}[ranks]
    x = rng.standard_normal((int(rng.integers(5, 12)), *places, _KNOWN)).astype(np.float32)
    declared = ", ".join(f"float[{', '.join(f'{o}{a}' for a in range(ranks))}] {o}" for o in outputs)
    body = " ".join(net.nodes)
    model = model_of(body, f"float[{shape}] x", declared, constants=", ".join(net.constants))
    others = np.concatenate([x, x[:1]])
    return Case(model, {"x": x}, f"x [{shape}] {x.shape}: {body} <{'; '.join(net.constants)}>", others={"x": others})


def _joined(net: Lines, tensor: str, length: int | str | None, rng: np.random.Generator) -> list[str]:
    rows = _repeated(net, tensor, length, rng)
    outputs = []
    if rng.random() < 0.3:
        outputs.append(net.node("Identity", rows))
    joining = int(rng.integers(4 if length else 3))
    if joining < 2:
        pair = (tensor, rows) if rng.random() < 0.5 else (rows, tensor)
        tensor = net.node(["Add", "Sub"][rng.integers(2)], *pair)
    elif joining == 2:
        tensor = net.node("Mul", rows, tensor)
    else:
        single = _repeated(net, tensor, 1, rng)
        parts = [single, tensor] if rng.random() < 0.5 else [tensor, single]
        tensor = net.node("Concat", *parts, axis=1)
    tensor = net.node("MatMul", tensor, net.weights(_KNOWN, _KNOWN))
    tensor = net.node("Relu", net.node("Add", tensor, net.floats(_KNOWN, low=0.0)))
    return [*outputs, net.node("MatMul", tensor, net.weights(_KNOWN, _KNOWN))]


def _repeated(net: Lines, tensor: str, length: int | str | None, rng: np.random.Generator) -> str:
    """A constant of the shape of `tensor`, except for `length`, in one of many ways."""
    sizes: list[str | int] = list(net.sizes(tensor, 0))
    if length is not None:
        sizes += [length] if isinstance(length, int) else net.sizes(tensor, 1)
    least = [1] * (len(sizes) - 1)
    known = [length if isinstance(length, int) and rng.random() < 0.5 else 1] * (length is not None)
    way = int(rng.integers(4))
    if way == 0:
        rows = net.node("ConstantOfShape", net.shape(*sizes, _KNOWN), value="float[1] {0.75}")
    elif way == 1:
        rows = net.node("Expand", net.floats(1, *known, _KNOWN), net.shape(*sizes, _KNOWN))
    elif way == 2:
        rows = net.node("Expand", net.floats(_KNOWN), net.shape(*sizes, _KNOWN))
    else:
        zeros = net.node("ConstantOfShape", net.shape(*sizes, 1))
        rows = net.node("Add", zeros, net.floats(1, *least, _KNOWN))
    for _ in range(int(rng.integers(3))):
        rows = [
            lambda rows: net.node("Add", rows, net.floats(_KNOWN)),
            lambda rows: net.node("Sub", net.floats(1, *known, _KNOWN), rows),
            lambda rows: net.node("Mul", rows, net.floats(1)),
            lambda rows: net.node("Div", rows, net.floats(_KNOWN, low=0.5, high=2.0)),
            lambda rows: net.node("Tanh", rows),
            lambda rows: net.node("Neg", rows),
        ][rng.integers(6)](rows)
    return rows


def _maps(net: Lines) -> Case:
    """Two maps of open height and width, one half as large, and a number of its own for each of their pixels."""
    rng = net.rng
    large = net.node("Relu", net.node("Conv", "x", net.weights(3, 2, 1, 1), net.floats(3, low=0.0)))
    small = net.node("MaxPool", large, kernel_shape=(2, 2), strides=(2, 2))
    flat, numbers = [], []
    for index, part in enumerate((large, small)):
        height, width = net.sizes(part, 2, 3)
        pixels = net.node("Mul", height, width)
        zeros = net.node("ConstantOfShape", net.shape(pixels, 1))
        numbers.append(net.node("Add", zeros, net.floats(1, low=index + 0.5, high=index + 1.0)))
        target = net.shape(0, 3, pixels if rng.random() < 0.5 else -1)
        flat.append(net.node("Reshape", part, target))
    table = net.node("Transpose", net.node("Concat", *numbers, axis=0), perm=(1, 0))
    result = net.node(["Mul", "Add"][rng.integers(2)], net.node("Concat", *flat, axis=2), table)
    x = rng.standard_normal((4, 2, 2 * int(rng.integers(1, 5)), 2 * int(rng.integers(1, 5)))).astype(np.float32)
    body = " ".join(net.nodes)
    model = model_of(body, "float[N, 2, H, W] x", f"float[N, 3, A] {result}", constants=", ".join(net.constants))
    return Case(model, {"x": x}, f"x {x.shape}: {body} <{'; '.join(net.constants)}>")


def _strides(net: Lines, tensor: str, length: int | str | None) -> list[str]:
    """Two maps joined along their places, each place multiplied with the number of its map, as detectors do."""
    rng = net.rng
    maps, numbers = [], []
    for number in (1, 2):
        part = tensor if number == 1 else net.node("Relu", net.node("MatMul", tensor, net.weights(_KNOWN, _KNOWN)))
        size = net.sizes(part, 1)[0] if not isinstance(length, int) or rng.random() < 0.5 else length
        zeros = net.node("ConstantOfShape", net.shape(size, 1))
        numbers.append(net.node("Add", zeros, net.floats(1, low=0.5 * number, high=number)))
        maps.append(part)
    joined = net.node("Concat", *maps, axis=1)
    table = net.node("Concat", *numbers, axis=0)
    if rng.random() < 0.5:
        turned = net.node("Transpose", joined, perm=(0, 2, 1))
        scaled = net.node("Mul", turned, net.node("Transpose", table, perm=(1, 0)))
        return [net.node("Transpose", scaled, perm=(0, 2, 1))]
    return [net.node("Mul", joined, table)]
