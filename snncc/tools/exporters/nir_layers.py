# SPDX-License-Identifier: Apache-2.0
"""Map each op to its NIR equivalent, a chain of nodes. Shapes are those of one sample."""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any

import numpy as np
import onnx

from snncc.analysis.network_view import Network
from snncc.ir.nodes import attributes_of
from snncc.ops.arrays import Array

__all__ = ["LAYERS", "UnsayableError", "shift_of"]

Layers = list[Any]


class UnsayableError(Exception):
    """The reason why a node has no NIR equivalent."""


def shift_of(network: Network, node: onnx.NodeProto) -> Array | None:
    """The value that a neuron adds to its potential at each step, in units of its input, per channel; None if none."""
    bias = attributes_of(node).get("bias", 0.0) if node.op_type == "IFNeuron" else 0.0
    if not bias:
        return None
    scale = np.float32(bias) * _constant(network, node.input[1])
    channels = network.shape(node.output[0])[1]
    if scale.size not in (1, channels):
        raise UnsayableError("a neuron's scale differs within a channel")
    return np.broadcast_to(scale.reshape(-1), (channels,))


def _neuron(network: Network, node: onnx.NodeProto) -> Layers:
    import nir

    shape = network.shape(node.output[0])[1:]
    start, scale = _constant(network, node.input[2]), _constant(network, node.input[1])
    if start.any():
        raise UnsayableError("potentials start elsewhere than at 0")
    scales = np.broadcast_to(scale.reshape(scale.shape[-len(shape) :]), shape).astype(np.float32)
    fires = nir.IF(r=1 / scales, v_threshold=np.ones(shape, np.float32), v_reset=np.zeros(shape, np.float32))
    return [fires] if (scales == 1).all() else [fires, nir.Scale(scales)]


def _conv(network: Network, node: onnx.NodeProto) -> Layers:
    import nir

    given = attributes_of(node)
    weight = _constant(network, node.input[1])
    axes = weight.ndim - 2
    pads = given.get("pads", [0] * (2 * axes))
    if axes > 2 or given.get("auto_pad", b"NOTSET") not in (b"NOTSET", b"VALID"):
        raise UnsayableError(f"Conv in {axes} dimensions" if axes > 2 else "Conv with automatic padding")
    if pads[:axes] != pads[axes:]:
        raise UnsayableError("Conv with other padding at the end than at the start")
    if len(set(weight.shape[2:])) > 1:
        raise UnsayableError("Conv with a kernel that is not square, for which nir 1.0 works out a wrong shape")
    bias = _constant(network, node.input[2]) if len(node.input) > 2 and node.input[2] else np.zeros(len(weight))
    size = network.shape(node.input[0])[2:]
    kind, spread = (nir.Conv2d, tuple) if axes == 2 else (nir.Conv1d, lambda values: values[0])
    return [
        kind(
            input_shape=spread(size),
            weight=_dense(weight, int(given.get("group", 1))),
            stride=spread(given.get("strides", [1] * axes)),
            padding=spread(pads[:axes]),
            dilation=spread(given.get("dilations", [1] * axes)),
            groups=1,
            bias=bias.astype(weight.dtype),
        )
    ]


def _dense(weight: Array, groups: int) -> Array:
    """The weight of a convolution that does without groups, for which nir 1.0 computes a wrong shape."""
    outputs, inputs = len(weight) // groups, weight.shape[1]
    whole = np.zeros((len(weight), inputs * groups, *weight.shape[2:]), weight.dtype)
    for group in range(groups):
        rows = slice(group * outputs, (group + 1) * outputs)
        whole[rows, group * inputs : (group + 1) * inputs] = weight[rows]
    return whole


def _gemm(network: Network, node: onnx.NodeProto) -> Layers:
    import nir

    given = attributes_of(node)
    if given.get("transA") or node.input[1] in network.activations:
        raise UnsayableError("Gemm with the weight on the left")
    weight = _constant(network, node.input[1]) * np.float32(given.get("alpha", 1))
    weight = weight if given.get("transB") else weight.T
    if len(node.input) < 3 or not node.input[2]:
        return [nir.Affine(weight, np.zeros(len(weight), weight.dtype))]
    bias = _constant(network, node.input[2]) * np.float32(given.get("beta", 1))
    return [nir.Affine(weight, np.broadcast_to(bias.reshape(-1), (len(weight),)).copy())]


def _matmul(network: Network, node: onnx.NodeProto) -> Layers:
    import nir

    weight = network.value(node.input[1])
    if weight is None or weight.ndim != 2 or len(network.shape(node.input[0])) != 2:
        raise UnsayableError("MatMul of other than vectors with a weight on the right")
    return [nir.Affine(weight.T, np.zeros(weight.shape[1], weight.dtype))]


def _scale(network: Network, node: onnx.NodeProto) -> Layers:
    import nir

    factors = [network.value(name) for name in node.input if name not in network.activations]
    shape = network.shape(node.output[0])
    if len(factors) != 1 or factors[0] is None or network.shape(network.activation_inputs(node)[0]) != shape:
        raise UnsayableError("Mul of two activations")
    return [nir.Scale(np.broadcast_to(factors[0], shape)[0].copy())]


def _average(network: Network, node: onnx.NodeProto) -> Layers:
    import nir

    given, size = attributes_of(node), network.shape(node.input[0])[2:]
    pads = given.get("pads", [0, 0, 0, 0])
    if len(size) != 2 or given.get("ceil_mode") or set(given.get("dilations", [1])) != {1}:
        raise UnsayableError("AveragePool other than in two dimensions, without dilation or rounding up")
    if pads[:2] != pads[2:] or (any(pads) and not given.get("count_include_pad")):
        raise UnsayableError("AveragePool with padding that is uneven, or does not count")
    whole = node.op_type == "GlobalAveragePool"
    kernel = np.array(size if whole else given["kernel_shape"])
    strides = np.array(size if whole else given.get("strides", [1, 1]))
    return [nir.AvgPool2d(kernel_size=kernel, stride=strides, padding=np.array(pads[:2]))]


def _flat(network: Network, node: onnx.NodeProto) -> Layers:
    import nir

    before, after = (network.shape(name) for name in (node.input[0], node.output[0]))
    if before == after:
        return []
    if after != (1, prod(before[1:])):
        raise UnsayableError(f"{node.op_type} other than of a whole sample to a vector")
    return [nir.Flatten(np.array(before[1:]), start_dim=0, end_dim=-1)]


def _slice(network: Network, node: onnx.NodeProto) -> Layers:
    """Every so many values along rows or columns: a convolution of each channel with 1, in strides."""
    import nir

    before, after = (network.shape(name) for name in (node.input[0], node.output[0]))
    starts, _, axes = (_constant(network, name) for name in node.input[1:4])
    steps = _constant(network, node.input[4]) if len(node.input) > 4 else np.ones(len(axes), np.int64)
    strides = dict(zip((axes % len(before)).tolist(), steps.tolist(), strict=True))
    complete = all(after[a] == -(-before[a] // step) for a, step in strides.items())
    if len(before) != 4 or starts.any() or not complete or not strides.keys() <= {2, 3}:
        raise UnsayableError("Slice other than every so many rows or columns")
    stride = (strides.get(2, 1), strides.get(3, 1))
    weight = np.eye(before[1], dtype=np.float32)[:, :, None, None]
    return [nir.Conv2d(before[2:], weight, stride, (0, 0), (1, 1), 1, np.zeros(before[1], np.float32))]


def _pad(network: Network, node: onnx.NodeProto) -> Layers:
    """Channels that are 0, before and after the others: a convolution that sends each channel to its place."""
    import nir

    before, after = (network.shape(name) for name in (node.input[0], node.output[0]))
    value = network.value(node.input[2]) if len(node.input) > 2 else None
    zero = value is None or not value.any()
    mode = attributes_of(node).get("mode", b"constant")
    if len(before) != 4 or before[2:] != after[2:] or mode != b"constant" or not zero:
        raise UnsayableError("Pad other than with channels of 0")
    first = int(_constant(network, node.input[1])[1 if len(node.input) < 4 else 0])
    weight = np.eye(after[1], before[1], -first, dtype=np.float32)[:, :, None, None]
    return [nir.Conv2d(before[2:], weight, (1, 1), (0, 0), (1, 1), 1, np.zeros(after[1], np.float32))]


def _constant(network: Network, name: str) -> Array:
    value = network.value(name)
    if value is None:
        raise UnsayableError("weights that are computed")
    return value


LAYERS: dict[str, Callable[[Network, onnx.NodeProto], Layers]] = {
    "AveragePool": _average,
    "Conv": _conv,
    "Flatten": _flat,
    "Gemm": _gemm,
    "GlobalAveragePool": _average,
    "IFNeuron": _neuron,
    "MatMul": _matmul,
    "Mul": _scale,
    "Pad": _pad,
    "Reshape": _flat,
    "Slice": _slice,
    "Squeeze": _flat,
}
