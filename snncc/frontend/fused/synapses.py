# SPDX-License-Identifier: Apache-2.0
"""Expand FusedConv, FusedGemm, FusedMatMul and similar ops: a synapse, and the activation after it."""

from __future__ import annotations

import numpy as np

from snncc.frontend.fused.lines import Lines, NoSpelling

__all__ = ["biased_softmax", "conv", "gemm", "matmul", "matmul_activation"]

_ACTIVATIONS = {
    "Elu": ("alpha",),
    "HardSigmoid": ("alpha", "beta"),
    "LeakyRelu": ("alpha",),
    "Relu": (),
    "Selu": ("alpha", "gamma"),
    "Sigmoid": (),
    "Softplus": (),
    "Softsign": (),
    "Tanh": (),
    "ThresholdedRelu": ("alpha",),
}
_CONV = ("auto_pad", "dilations", "group", "kernel_shape", "pads", "strides")


def conv(lines: Lines) -> None:
    """act(Conv(x, w, b) + z)."""
    own = {k: v for k, v in lines.attributes.items() if k in _CONV}
    result = lines.sum(lines.add("Conv", [lines.input(i) for i in range(3)], **own), lines.input(3))
    given = [float(v) for v in lines.attributes.get("activation_params", ())]
    name = lines.text("activation")
    if name == "Clip":
        low, high = (lines.constant(v) for v in given[:2])
        lines.add("Clip", [result, low, high], lines.output(0))
        return
    known = _ACTIVATIONS.get(name, ())
    _activated(lines, result, name, dict(zip(known, given, strict=False)))


def gemm(lines: Lines) -> None:
    """act(alpha A B + beta C)."""
    own = {k: v for k, v in lines.attributes.items() if not k.startswith("activation")}
    result = lines.add("Gemm", [lines.input(i) for i in range(3)], **own)
    _activated(lines, result, lines.text("activation"), _parameters(lines))


def matmul(lines: Lines) -> None:
    """alpha A B, with each operand transposed by its attribute."""
    lines.give(_product(lines))


def matmul_activation(lines: Lines) -> None:
    """act(alpha A B)."""
    parameters = _parameters(lines)
    axis = {"axis": lines.attributes["activation_axis"]} if "activation_axis" in lines.attributes else {}
    name = lines.text("activation")
    if name == "Softmax":
        lines.add("Softmax", [_product(lines)], lines.output(0), **axis)
    else:
        _activated(lines, _product(lines), name, parameters)


def biased_softmax(lines: Lines) -> None:
    """Softmax(x + b), over the axes from `axis` on."""
    total = lines.add("Add", [lines.input(0), lines.input(1)])
    axis, rank = int(lines.attributes.get("axis", 1)), lines.names.rank(lines.input(0))
    if axis == -1 or (rank is not None and axis % rank == rank - 1):
        lines.add("Softmax", [total], lines.output(0), axis=-1)
        return
    shape = lines.add("Shape", [total])
    flat = lines.add("Flatten", [total], axis=axis)
    soft = lines.add("Softmax", [flat], axis=-1)
    lines.add("Reshape", [soft, shape], lines.output(0))


def _parameters(lines: Lines) -> dict[str, float]:
    prefix = "activation_"
    found = {k.removeprefix(prefix): v for k, v in lines.attributes.items() if k.startswith(prefix)}
    return {k: float(v) for k, v in found.items() if k in ("alpha", "beta", "gamma")}


def _activated(lines: Lines, tensor: str, name: str, parameters: dict[str, float]) -> None:
    if not name:
        lines.give(tensor)
    elif name in _ACTIVATIONS:
        known = {k: v for k, v in parameters.items() if k in _ACTIVATIONS[name]}
        lines.add(name, [tensor], lines.output(0), **known)
    else:
        raise NoSpelling(f"with activation '{name}'")


def _product(lines: Lines) -> str:
    operands = [_transposed(lines, index, letter) for index, letter in enumerate("AB")]
    result = lines.add("MatMul", operands)
    alpha = float(lines.attributes.get("alpha", 1.0))
    return result if alpha == 1 else lines.add("Mul", [result, lines.constant(alpha)])


def _transposed(lines: Lines, index: int, letter: str) -> str:
    """An operand, [rows, batch …, columns] with transBatch, its last two axes exchanged with trans."""
    tensor = lines.input(index)
    swapped, batched = (bool(lines.attributes.get(f"trans{k}{letter}")) for k in ("", "Batch"))
    value = lines.names.value(tensor)
    rank = lines.names.rank(tensor)
    if not (swapped or batched) or rank == 1:
        return tensor
    if rank is None:
        raise NoSpelling(f"which transposes '{tensor}', whose rank is not known")
    axes = [*range(1, rank - 1), 0, rank - 1] if batched else list(range(rank))
    if swapped:
        axes[-2:] = reversed(axes[-2:])
    if value is not None:  # a weight stays a constant
        return lines.constant(np.transpose(value, axes), value.dtype)
    return lines.add("Transpose", [tensor], perm=axes)
