# SPDX-License-Identifier: Apache-2.0
"""Draw networks whose rows are parts of samples: folded into the batch and unfolded again."""

from __future__ import annotations

import numpy as np

from tests.generated.harness import Case, model_of
from tests.generated.lines import Lines

__all__ = ["draw"]

_KNOWN = 4  # features


def draw(rng: np.random.Generator) -> tuple[Case, bool]:
    """(A network, whether it mixes samples or their order), from x [N, S, 4] or [N, S, 1, 4, 4]."""
    net = Lines(rng)
    parts = int(rng.integers(2, 5))
    kind = [_dense, _dense, _images, _blocks, _picked, _picked_samples][rng.integers(6)]
    x_shape, tensor, rank, mixes = kind(net, parts)
    declared = f"float[{', '.join(f'A{a}' for a in range(rank))}] {tensor}"
    count = int(rng.integers(4, 9))
    x = rng.standard_normal((count, *x_shape)).astype(np.float32)
    body = " ".join(net.nodes)
    sizes = ", ".join(map(str, ["N", *x_shape]))
    model = model_of(body, f"float[{sizes}] x", declared, constants=", ".join(net.constants))
    text = f"{kind.__name__} {x.shape}: {body} <{'; '.join(net.constants)}>"
    return Case(model, {"x": x}, text, others={"x": np.concatenate([x, x[:1]])}), mixes


Drawn = tuple[tuple[int, ...], str, int, bool]


def _dense(net: Lines, parts: int) -> Drawn:
    """Layers for each part, perhaps with parts of parts, and sums over the parts."""
    deep = net.rng.random() < 0.3
    shape = (parts, 2, _KNOWN) if deep else (parts, _KNOWN)
    tensor = net.node("Relu", "x") if net.rng.random() < 0.3 else "x"
    tensor = net.node("Reshape", tensor, _folded(net, tensor, (2, _KNOWN) if deep else (_KNOWN,)))
    if deep:
        tensor = _layer(net, tensor) if net.rng.random() < 0.5 else tensor
        tensor = net.node("Reshape", tensor, net.ints(-1, _KNOWN))
    tensor = _layer(net, tensor)
    tensor = _layer(net, tensor) if net.rng.random() < 0.5 else tensor
    width = _KNOWN
    if net.rng.random() < 0.3:
        tensor, width = net.node("Slice", tensor, net.ints(1), net.ints(3), net.ints(1)), 2
    back = (parts, 2, width) if deep else (parts, width)
    tensor = net.node("Reshape", tensor, net.ints(-1, *back))
    return shape, *_ended(net, tensor, len(back) + 1), False


def _images(net: Lines, parts: int) -> Drawn:
    """A convolution for each image of a sequence, as TimeDistributed has it."""
    tensor = net.node("Reshape", "x", _folded(net, "x", (1, 4, 4)))
    tensor = net.node("Relu", net.node("Conv", tensor, net.weights(3, 1, 3, 3), net.floats(3, low=0.0)))
    if net.rng.random() < 0.5:
        tensor = net.node("MaxPool", tensor, kernel_shape=(2, 2))
        tensor = net.node("Reshape", tensor, net.ints(-1, parts, 3))
    else:
        tensor = net.node("Reshape", tensor, net.ints(-1, parts, 12))
    return (parts, 1, 4, 4), *_ended(net, tensor, 3), False


def _blocks(net: Lines, parts: int) -> Drawn:
    """A convolution on every second place, with the places put before the batch and back (SpaceToBatch)."""
    neuron = net.rng.random() < 0.5
    side = 4 * parts
    tensor = net.node("Reshape", "x", net.ints(-1, 2 * parts, 2))
    tensor = net.node("Transpose", tensor, perm=(2, 0, 1))  # [2, N, 2 parts]
    tensor = net.node("Reshape", tensor, net.ints(-1, 1, 2 * parts))
    tensor = net.node("Conv", tensor, net.weights(1, 1, 3), pads=(1, 1))
    tensor = net.node("Relu", tensor) if neuron else tensor
    tensor = net.node("Reshape", tensor, net.ints(2, -1, 2 * parts))
    tensor = net.node("Transpose", tensor, perm=(1, 2, 0))
    tensor = net.node("Reshape", tensor, net.ints(-1, side))
    return (side,), net.node("Relu", tensor), 2, neuron


def _picked(net: Lines, parts: int) -> Drawn:
    """A part of each sample, by a Gather on axis 0 after a Transpose."""
    tensor = _layer(net, "x") if net.rng.random() < 0.5 else "x"
    tensor = net.node("Transpose", tensor, perm=(1, 0, 2))
    index = net.constant("int64", [int(net.rng.integers(parts))])
    tensor = net.node("Gather", tensor, index, axis=0)
    return (parts, _KNOWN), *_ended(net, _layer(net, tensor), 2), False


def _picked_samples(net: Lines, parts: int) -> Drawn:
    """Some of the samples."""
    tensor = _layer(net, "x")
    tensor = net.node("Gather", tensor, net.ints(0, 2, 1), axis=0)
    return (parts, _KNOWN), *_ended(net, _layer(net, tensor), 3), True


def _layer(net: Lines, tensor: str) -> str:
    product = net.node("MatMul", tensor, net.weights(_KNOWN, _KNOWN))
    return net.node("Relu", net.node("Add", product, net.floats(_KNOWN, low=0.0)))


def _folded(net: Lines, tensor: str, part: tuple[int, ...]) -> str:
    """The shape of parts, known or computed."""
    if net.rng.random() < 0.6:
        return net.ints(-1, *part)
    rows, parts = net.sizes(tensor, 0, 1)
    return net.shape(net.node("Mul", rows, parts), *part)


def _ended(net: Lines, tensor: str, rank: int) -> tuple[str, int]:
    """The sum over the parts, or nothing; (the tensor, its rank)."""
    if rank < 3 or net.rng.random() < 0.5:
        return net.node("Identity", tensor), rank
    return net.node("ReduceSum", tensor, net.ints(1), keepdims=0), rank - 1
