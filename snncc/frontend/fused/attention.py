# SPDX-License-Identifier: Apache-2.0
"""Expand onnxruntime's fused attention: projections, products and Softmax in one op."""

from __future__ import annotations

from typing import Any

import numpy as np

from snncc.frontend.fused.lines import Lines, NoSpelling
from snncc.ops.arrays import Array

__all__ = ["attention"]


def attention(lines: Lines) -> None:
    """Softmax(q kᵀ scale + mask) v for each head, q, k and v being x W + b."""
    source, weight, _, mask, past, bias = (lines.input(i) for i in range(6))
    if past or lines.output(1) or lines.attributes.get("do_rotary"):
        raise NoSpelling("with the keys and values of earlier steps, or rotated ones")
    stored = lines.names.value(weight)
    if stored is None:
        raise NoSpelling("whose weights are computed")
    heads = int(lines.attributes["num_heads"])
    sizes = [int(s) for s in lines.attributes.get("qkv_hidden_sizes") or [stored.shape[1] // 3] * 3]
    query, key, value = _projected(lines, source, stored, sizes, heads)
    scale = float(lines.attributes.get("scale", 0.0)) or 1 / np.sqrt(sizes[0] // heads)
    scores = lines.add("Mul", [lines.add("MatMul", [query, key]), lines.constant(scale)])
    scores = lines.sum(scores, _hidden(lines, mask), _causal(lines, source), bias)
    mixed = lines.add("MatMul", [lines.add("Softmax", [scores], axis=-1), value])
    back = lines.add("Transpose", [mixed], perm=[0, 2, 1, 3])
    lines.add("Reshape", [back, lines.ints(0, 0, sizes[2])], lines.output(0))


def _projected(lines: Lines, source: str, stored: Array, sizes: list[int], heads: int) -> list[str]:
    """q [N, heads, steps, each], k transposed to [N, heads, each, steps], and v as q."""
    ends = np.cumsum(sizes)[:-1]
    weights = np.split(stored, ends, axis=1)
    given = lines.names.value(lines.input(2))
    if lines.input(2) and given is None:
        raise NoSpelling("whose bias is computed")
    biases: list[Any] = np.split(given, ends) if given is not None else [None] * 3
    found = []
    for weight, bias, size, order in zip(
        weights, biases, sizes, ([0, 2, 1, 3], [0, 2, 3, 1], [0, 2, 1, 3]), strict=True
    ):
        part = lines.add("MatMul", [source, lines.constant(weight)])
        part = part if bias is None else lines.add("Add", [part, lines.constant(bias)])
        apart = lines.add("Reshape", [part, lines.ints(0, 0, heads, size // heads)])
        found.append(lines.add("Transpose", [apart], perm=order))
    return found


def _hidden(lines: Lines, mask: str) -> str:
    """The mask of steps whose mask input is 0: a large negative number."""
    if not mask:
        return ""
    rank = lines.names.rank(mask)
    if rank not in (2, 3):
        raise NoSpelling("with a mask of lengths" if rank == 1 else "with a mask of a shape that is not known")
    kept = lines.add("Cast", [mask], to=lines.number)
    away = lines.add("Sub", [lines.constant(1.0), kept])
    filled = lines.add("Mul", [away, lines.constant(float(lines.attributes.get("mask_filter_value", -10000.0)))])
    return lines.add("Unsqueeze", [filled, lines.ints(*([1, 2] if rank == 2 else [1]))])


def _causal(lines: Lines, source: str) -> str:
    """The mask of later steps, if the attention is causal."""
    if not lines.attributes.get("unidirectional"):
        return ""
    steps = lines.names.size(source, 1)
    if steps is None:
        raise NoSpelling("that looks back only, over a number of steps that is not fixed")
    low = float(lines.attributes.get("mask_filter_value", -10000.0))
    return lines.constant(np.triu(np.full((steps, steps), low), 1))
