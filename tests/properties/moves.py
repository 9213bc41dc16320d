# SPDX-License-Identifier: Apache-2.0
"""Draw shape-only ops, pools, joins and rectifiers; interface as in `synapses`."""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any

import numpy as np
from hypothesis import strategies as st

from tests.properties.net import Net, Shape, anywhere, is_image
from tests.properties.synapses import Draw, Layer, same_shape

__all__ = ["JOINS", "MOVES", "POOLS", "RECTIFIERS"]

_FLAGS = st.booleans()


def _axis(draw: Draw, shape: Shape, least: int = 1) -> int:
    """An axis of at least that length, counted with the batch, from either end."""
    axis = draw(st.sampled_from([i for i, d in enumerate(shape, 1) if d >= least]))
    return axis if draw(_FLAGS) else axis - len(shape) - 1


def _ints(net: Net, *values: Any) -> str:
    return net.constant(values, np.int64)


def slice_(draw: Draw, net: Net, x: str) -> str:
    """Slice along one axis, forwards or backwards."""
    shape = net.shapes[x]
    axis = _axis(draw, shape)
    size = shape[axis - 1 if axis > 0 else axis]
    first, last = sorted((draw(st.integers(0, size - 1)), draw(st.integers(0, size - 1))))
    step = draw(st.integers(1, 2))
    start, end, step = (last, first - 1 if first else -size - 1, -step) if draw(_FLAGS) else (first, last + 1, step)
    return net.add("Slice", [x, *(_ints(net, v) for v in (start, end, axis, step))])


def split(draw: Draw, net: Net, x: str) -> str:
    """Split in two; both parts go on."""
    shape = net.shapes[x]
    axis = _axis(draw, shape, 2)
    size = shape[axis - 1 if axis > 0 else axis]
    cut = draw(st.integers(1, size - 1))
    return net.add("Split", [x, _ints(net, cut, size - cut)], 2, axis=axis)


def gather(draw: Draw, net: Net, x: str) -> str:
    """Gather of some places of an axis, or of one, which drops it."""
    shape = net.shapes[x]
    axis = _axis(draw, shape)
    size = shape[axis - 1 if axis > 0 else axis]
    places = st.integers(-size, size - 1)
    one = len(shape) > 1 and draw(_FLAGS)
    indices = draw(places) if one else draw(st.lists(places, min_size=1, max_size=size + 1))
    return net.add("Gather", [x, net.constant(indices, np.int64)], axis=axis)


def transpose(draw: Draw, net: Net, x: str) -> str:
    """Transpose of all axes but the batch."""
    axes = list(range(1, len(net.shapes[x]) + 1))
    return net.add("Transpose", [x], perm=[0, *draw(st.permutations(axes))])


def reshape(draw: Draw, net: Net, x: str) -> str:
    """Reshape or Flatten to one or two axes, or with one more."""
    shape = net.shapes[x]
    size = prod(shape)
    if draw(_FLAGS):
        return net.add("Flatten", [x])
    factor = draw(st.sampled_from([d for d in range(1, size + 1) if size % d == 0]))
    target = draw(st.sampled_from([(0, -1), (-1, size), (0, factor, -1), (-1, factor, size // factor)]))
    return net.add("Reshape", [x, _ints(net, *target)])


def unsqueeze(draw: Draw, net: Net, x: str) -> str:
    """An axis of length 1 comes, or one goes."""
    shape = net.shapes[x]
    single = [i for i, d in enumerate(shape, 1) if d == 1] if len(shape) > 1 else []
    if single and (len(shape) > 3 or draw(_FLAGS)):
        return net.add("Squeeze", [x, _ints(net, draw(st.sampled_from(single)))])
    return net.add("Unsqueeze", [x, _ints(net, draw(st.integers(1, len(shape) + 1)))])


def pad(draw: Draw, net: Net, x: str) -> str:
    """Pad with zeros, with another number, with the edge or with what is reflected there."""
    shape = net.shapes[x]
    mode = draw(st.sampled_from(["constant", "constant", "edge", "reflect"]))
    most = [min(2, size - 1) if mode == "reflect" else 2 for size in shape]
    sides = [[0, *(draw(st.integers(0, m)) for m in most)] for _ in range(2)]
    inputs = [x, _ints(net, *sides[0], *sides[1])]
    return net.add("Pad", [*inputs, net.constant(0.3)] if mode == "constant" and draw(_FLAGS) else inputs, mode=mode)


def resize(draw: Draw, net: Net, x: str) -> str:
    """Resize of the axes after the channels, nearest or linear."""
    sizes = net.shapes[x][1:]
    scales = [1, 1, *(draw(st.sampled_from([1.0, 1.5, 2.0])) for _ in sizes)]
    mode = draw(st.sampled_from(["nearest", "linear"]))
    rounding = {"nearest_mode": "floor", "coordinate_transformation_mode": "asymmetric"} if mode == "nearest" else {}
    return net.add("Resize", [x, "", net.constant(scales)], mode=mode, **rounding)


def depth_to_space(draw: Draw, net: Net, x: str) -> str:
    """Channels become pixels."""
    return net.add("DepthToSpace", [x], blocksize=2, mode=draw(st.sampled_from(["DCR", "CRD"])))


def pool(draw: Draw, net: Net, x: str) -> str:
    """MaxPool or AveragePool."""
    sizes = net.shapes[x][1:]
    kernel = [draw(st.integers(1, min(3, size))) for size in sizes]
    attributes: dict[str, Any] = {"kernel_shape": kernel, "strides": [draw(st.integers(1, 2)) for _ in sizes]}
    attributes["pads"] = [draw(st.integers(0, k - 1)) for k in kernel] * 2
    if draw(_FLAGS):
        return net.add("MaxPool", [x], **attributes)
    return net.add("AveragePool", [x], count_include_pad=draw(st.integers(0, 1)), **attributes)


def global_pool(draw: Draw, net: Net, x: str) -> str:
    """One value per channel."""
    return net.add(draw(st.sampled_from(["GlobalAveragePool", "GlobalMaxPool"])), [x])


def reduce(draw: Draw, net: Net, x: str) -> str:
    """ReduceMean, ReduceSum or ReduceMax along an axis."""
    op = draw(st.sampled_from(["ReduceMean", "ReduceSum", "ReduceMax"]))
    keep = len(net.shapes[x]) == 1 or draw(_FLAGS)
    return net.add(op, [x, _ints(net, _axis(draw, net.shapes[x]))], keepdims=int(keep))


def join(draw: Draw, net: Net, x: str) -> str:
    """A sum, difference or maximum of two branches; the other one may have been there before."""
    others = [t for t in net.tensors if net.shapes[t] == net.shapes[x] and t != x]
    other = draw(st.sampled_from(others)) if others and draw(_FLAGS) else same_shape(draw, net, x)
    op = draw(st.sampled_from(["Add", "Add", "Sub", "Sum", "Max"]))
    return net.add(op, [x, other, x] if op == "Sum" else [x, other])


def concat(draw: Draw, net: Net, x: str) -> str:
    """Concat of two branches along some axis."""
    return net.add("Concat", [x, same_shape(draw, net, x)], axis=_axis(draw, net.shapes[x]))


def relu(draw: Draw, net: Net, x: str) -> str:
    """Relu."""
    return net.add("Relu", [x])


def bounded(draw: Draw, net: Net, x: str) -> str:
    """ReLU6 and similar ops: Clip, or Min and Max."""
    low, high = net.constant(draw(st.sampled_from([0.0, -0.5]))), net.constant(draw(st.sampled_from([0.5, 1.5])))
    if draw(_FLAGS):
        return net.add("Clip", [x, low, high])
    return net.add("Min", [net.add("Max", [x, low]), high])


def leaky(draw: Draw, net: Net, x: str) -> str:
    """LeakyRelu, PRelu with one slope or one per channel, or Abs."""
    shape = net.shapes[x]
    match draw(st.integers(0, 3)):
        case 0:
            return net.add("LeakyRelu", [x], alpha=0.2)
        case 1:
            return net.add("Abs", [x])
        case number:
            sizes = [1] * len(shape) if number == 2 else [shape[0], *[1] * (len(shape) - 1)]
            return net.add("PRelu", [x, net.constant(net.rng.uniform(-0.3, 0.5, sizes))])


MOVES: dict[Layer, Callable[[Shape], bool]] = {
    slice_: anywhere,
    split: lambda shape: max(shape) > 1,
    gather: anywhere,
    transpose: lambda shape: len(shape) > 1,
    reshape: anywhere,
    unsqueeze: anywhere,
    pad: lambda shape: prod(shape) <= 96,
    resize: lambda shape: is_image(shape) and prod(shape) <= 64,
    depth_to_space: lambda shape: len(shape) == 3 and shape[0] % 4 == 0,
}
POOLS: dict[Layer, Callable[[Shape], bool]] = {pool: is_image, global_pool: is_image, reduce: anywhere}
JOINS: dict[Layer, Callable[[Shape], bool]] = {join: anywhere, concat: lambda shape: prod(shape) <= 128}
RECTIFIERS: dict[Layer, Callable[[Shape], bool]] = dict.fromkeys((relu, bounded, leaky), anywhere)
