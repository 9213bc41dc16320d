# SPDX-License-Identifier: Apache-2.0
"""Draw networks with a second dynamic axis, which read their own shapes and declare their outputs."""

from __future__ import annotations

import numpy as np

from tests.generated.harness import Case, model_of
from tests.generated.lines import Lines

__all__ = ["draw"]

_KNOWN = 4  # features


def draw(rng: np.random.Generator) -> Case:
    """x [N, L, 4], or [1, L, 4], through layers between reshapes by measured sizes, ramps and repeated constants."""
    net = Lines(rng)
    batch = 1 if rng.random() < 0.2 else int(rng.integers(3, 9))
    tensor = "x" if rng.random() < 0.5 else _layer(net, "x")
    for _ in range(int(rng.integers(1, 3))):
        step = [_repeated, _ramp, _rows, _half, _doubled, _mean_taken, _measured_elsewhere][rng.integers(7)]
        tensor = step(net, tensor)
    tensor = _layer(net, tensor) if rng.random() < 0.5 or not any(" Relu " in node for node in net.nodes) else tensor
    rank, outputs = 3, [tensor]
    if batch == 1 and rng.random() < 0.7:
        outputs, rank = [net.node("Reshape", tensor, net.ints(-1))], 1
    elif rng.random() < 0.3:
        outputs, rank = [net.node("Reshape", tensor, net.shape(*net.sizes(tensor, 0), -1))], 2
    declared = [f"float[{', '.join(f'A{a}' for a in range(rank))}] {outputs[0]}"]
    if rng.random() < 0.3:
        declared.append(f"int64[3] {net.node('Shape', tensor)}")
    x = rng.standard_normal((batch, int(rng.integers(2, 7)), _KNOWN)).astype(np.float32)
    first = "1" if batch == 1 else "N"
    body = " ".join(net.nodes)
    model = model_of(body, f"float[{first}, L, {_KNOWN}] x", ", ".join(declared), constants=", ".join(net.constants))
    others = rng.standard_normal((1 if batch == 1 else batch + 1, x.shape[1] + 3, _KNOWN)).astype(np.float32)
    return Case(model, {"x": x}, f"x {x.shape}: {body} <{'; '.join(net.constants)}>", others={"x": others})


def _layer(net: Lines, tensor: str) -> str:
    product = net.node("MatMul", tensor, net.weights(_KNOWN, _KNOWN))
    return net.node("Relu", net.node("Add", product, net.floats(_KNOWN, low=0.0)))


def _repeated(net: Lines, tensor: str) -> str:
    """A constant for each sample and place."""
    rows = net.node("Expand", net.floats(1, 1, _KNOWN), net.node("Shape", tensor))
    return net.node("Add", tensor, rows)


def _ramp(net: Lines, tensor: str) -> str:
    """Places as numbers, for all samples alike or for each."""
    sizes = net.sizes(tensor, 0, 1)
    ones = net.node("ConstantOfShape", net.shape(*sizes, 1), value="float[1] {0.125}")
    places = net.node("CumSum", ones, net.ints(1))
    if net.rng.random() < 0.5:
        places = net.node("ReduceMax", places, net.ints(0))
    return net.node("Add", net.node("Mul", places, net.floats(1, 1, _KNOWN)), tensor)


def _rows(net: Lines, tensor: str) -> str:
    """[N, L, 4] -> [N L, 4], a layer, and back."""
    rows, places = net.sizes(tensor, 0, 1)
    known = net.rng.random() < 0.5
    folded = net.node("Reshape", tensor, net.shape(-1 if known else net.node("Mul", rows, places), _KNOWN))
    inner = _layer(net, folded)
    way = int(net.rng.integers(3))
    back = [(rows, places, -1), (-1, places, _KNOWN), (rows, -1, _KNOWN)][way]
    return net.node("Reshape", inner, net.shape(*back))


def _half(net: Lines, tensor: str) -> str:
    """The first half of the places, and one more."""
    places = net.sizes(tensor, 1)[0]
    end = net.node("Add", net.node("Div", places, net.ints(2)), net.ints(1))
    return net.node("Slice", tensor, net.ints(0), end, net.ints(1))


def _doubled(net: Lines, tensor: str) -> str:
    return net.node("Concat", tensor, _layer(net, tensor), axis=1)


def _mean_taken(net: Lines, tensor: str) -> str:
    """x less its mean over the places, which is brought to its shape again."""
    mean = net.node("ReduceMean", tensor, net.ints(1), keepdims=1)
    return net.node("Sub", tensor, mean)


def _measured_elsewhere(net: Lines, tensor: str) -> str:
    """A factor with the rows of the network's input, which holds no time steps."""
    rows = net.sizes("x", 0)[0]
    factor = net.node("Expand", net.floats(1, 1, _KNOWN, low=0.5), net.shape(rows, 1, _KNOWN))
    return net.node("Mul", tensor, factor)
