# SPDX-License-Identifier: Apache-2.0
"""Draw synapses and arithmetic with constants: each adds nodes after a tensor and returns the last output."""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any

import numpy as np
from hypothesis import strategies as st

from tests.properties.net import Net, Shape, anywhere, is_image

__all__ = ["SYNAPSES", "Draw", "Layer", "same_shape"]

Draw = Callable[[st.SearchStrategy[Any]], Any]
Layer = Callable[[Draw, Net, str], str]

_COUNTS = st.integers(1, 4)
_FLAGS = st.booleans()


def conv(draw: Draw, net: Net, x: str) -> str:
    """Conv of 1 to 3 axes, with groups, strides, dilations, pads or auto_pad, and a bias or none."""
    channels, *sizes = net.shapes[x]
    group = draw(st.sampled_from([g for g in range(1, channels + 1) if channels % g == 0]))
    out = group * draw(_COUNTS)
    dilations = [draw(st.integers(1, 2)) for _ in sizes]
    pads = [draw(st.integers(0, 2)) for _ in [*sizes, *sizes]]
    reach = [size + sum(pads[i :: len(sizes)]) for i, size in enumerate(sizes)]
    kernel = [draw(st.integers(1, min(3, 1 + (r - 1) // d))) for r, d in zip(reach, dilations, strict=True)]
    attributes = {"group": group, "strides": [draw(st.integers(1, 2)) for _ in sizes]}
    mode = draw(st.sampled_from(["NOTSET", "NOTSET", "SAME_UPPER", "SAME_LOWER"]))  # onnxruntime dilates the first only
    attributes |= {"pads": pads, "dilations": dilations} if mode == "NOTSET" else {"auto_pad": mode}
    fan_in = channels // group * prod(kernel)
    inputs = [x, net.weights((out, channels // group, *kernel), fan_in)]
    return net.add("Conv", [*inputs, *_bias(draw, net, out)], **attributes)


def conv_transpose(draw: Draw, net: Net, x: str) -> str:
    """ConvTranspose with groups, strides, pads and output padding."""
    channels, *sizes = net.shapes[x]
    group = draw(st.sampled_from([g for g in range(1, channels + 1) if channels % g == 0]))
    per_group = draw(st.integers(1, 3))
    kernel = [draw(st.integers(1, 3)) for _ in sizes]
    strides = [draw(st.integers(1, 2)) for _ in sizes]
    attributes = {"group": group, "strides": strides, "output_padding": [draw(st.integers(0, s - 1)) for s in strides]}
    attributes["pads"] = [draw(st.integers(0, (k - 1) // 2)) for k in kernel] * 2
    inputs = [x, net.weights((channels, per_group, *kernel), channels // group * prod(kernel))]
    return net.add("ConvTranspose", [*inputs, *_bias(draw, net, group * per_group)], **attributes)


def gemm(draw: Draw, net: Net, x: str) -> str:
    """Gemm, its weight transposed or not, with factors and every shape of bias."""
    (size,) = net.shapes[x]
    out, transposed = draw(_COUNTS), draw(st.integers(0, 1))
    weight = net.weights((out, size) if transposed else (size, out), size)
    shape = draw(st.sampled_from([None, (out,), (1, out), (1,), ()]))
    bias = [] if shape is None else [net.weights(shape, 1)]
    attributes = {
        "transB": transposed,
        "alpha": draw(st.sampled_from([1.0, -0.5])),
        "beta": draw(st.sampled_from([1.0, 2.0])),
    }
    return net.add("Gemm", [x, weight, *bias], **attributes)


def matmul(draw: Draw, net: Net, x: str) -> str:
    """MatMul with a matrix from either side, one for all or one for each channel."""
    shape = net.shapes[x]
    left = len(shape) > 1 and draw(_FLAGS)
    each = shape[:-2] if len(shape) > 2 and draw(_FLAGS) else ()
    out, size = draw(_COUNTS), shape[-2 if left else -1]
    weight = net.weights((*each, out, size) if left else (*each, size, out), size)
    return net.add("MatMul", [weight, x] if left else [x, weight])


def batch_norm(draw: Draw, net: Net, x: str) -> str:
    """BatchNormalization, now and then with a factor of 0 or without a shift."""
    channels = net.shapes[x][0]
    gamma = net.rng.normal(0, 1, channels)
    gamma[net.rng.random(channels) < 0.1] = 0
    plain = draw(_FLAGS)
    beta, mean = (net.rng.normal(0, 0.0 if plain else 0.5, channels) for _ in range(2))
    values = (gamma, beta, mean, net.rng.uniform(0.3, 1.5, channels))
    return net.add("BatchNormalization", [x, *map(net.constant, values)], epsilon=draw(st.sampled_from([1e-5, 0.1])))


def arithmetic(draw: Draw, net: Net, x: str) -> str:
    """A sum, difference, product or quotient with a constant of any shape that broadcasts."""
    shape = net.shapes[x]
    op = draw(st.sampled_from(["Add", "Sub", "Mul", "Div"]))
    kept = shape[draw(st.integers(0, len(shape))) :]
    sizes = [size if draw(_FLAGS) else 1 for size in kept]
    value = net.rng.uniform(0.4, 1.6, sizes) * net.rng.choice([-1, 1], sizes)
    if op == "Mul" and draw(st.integers(0, 3)) == 0:
        value = np.where(net.rng.random(sizes) < 0.3, 0.0, value)
    inputs = [x, net.constant(value)]
    return net.add(op, inputs[::-1] if op != "Div" and draw(_FLAGS) else inputs)


def same_shape(draw: Draw, net: Net, x: str) -> str:
    """Something linear after `x` that has its shape."""
    shape = net.shapes[x]
    if len(shape) == 1 or draw(_FLAGS):
        return net.add("MatMul", [x, net.weights((shape[-1], shape[-1]), shape[-1])])
    kernel = (3,) * (len(shape) - 1)
    weight = net.weights((shape[0], shape[0], *kernel), shape[0] * prod(kernel))
    return net.add("Conv", [x, weight], pads=[1] * 2 * len(kernel))


def _bias(draw: Draw, net: Net, out: int) -> list[str]:
    return [net.weights((out,), 4)] if draw(_FLAGS) else []


SYNAPSES: dict[Layer, Callable[[Shape], bool]] = {
    conv: is_image,
    conv_transpose: lambda shape: is_image(shape) and prod(shape) <= 128,
    gemm: lambda shape: len(shape) == 1,
    matmul: anywhere,
    batch_norm: anywhere,
    arithmetic: anywhere,
}
