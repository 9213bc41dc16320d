# SPDX-License-Identifier: Apache-2.0
"""Coding curve of a neuron: its output for constant inputs, its levels, and the function that it approximates."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx

from snncc.coding import CODINGS, Coding
from snncc.coding.fs_tables.activations import ACTIVATIONS
from snncc.ir.nodes import attributes_of
from snncc.ops import get
from snncc.ops.arrays import Array

__all__ = ["Code", "changed", "code_of", "levels"]

_ROOM = 1.25  # how far beyond the largest value a curve is drawn
_FINEST = -16  # octaves below 1 in which levels are looked for


@dataclass(frozen=True)
class Code:
    """The code of a ReLU in units of the neuron's scale, or of another activation in its own units.

    Attributes:
        kind: `relu`, or a name of `snncc.coding.fs_tables.activations`.
        exact: The function.
        code: What the neuron makes of it.
        low, high: The range of inputs worth showing.
    """

    kind: str
    exact: Callable[[Array], Array]
    code: Callable[[Array], Array]
    low: float
    high: float


def code_of(coding: Coding, node: onnx.NodeProto, kind: str = "relu") -> Code:
    """The code of the neuron `node`, which replaces an activation of `kind`."""
    tables, rule = attributes_of(node), get(node.op_type).spike_steps
    if rule is None:
        return Code("relu", _relu, coding.code, 0.0, _ROOM * coding.largest)

    def code(x: Array) -> Array:  # layers may differ in their tables
        return rule.code(x, tables).astype(np.float64)

    if rule.most(tables) == 1:
        return Code("relu", _relu, code, 0.0, _ROOM * float(rule.values(tables).max()))
    if kind not in ACTIVATIONS:
        return Code("relu", _relu, code, 0.0, _ROOM * coding.largest)
    known = ACTIVATIONS[kind]
    return Code(kind, known.function, code, known.low, known.high)


def changed(coding: Coding, **parameters: Any) -> Coding:
    """`coding` with other parameters.

    Raises:
        OptionError: one of them is out of its range.
    """
    given = {key: value for key, value in coding.parameters().items() if key != "name"}
    return CODINGS[coding.name](**{**given, **parameters})


def levels(code: Code) -> Array:
    """All values that the neuron can send, found on a fine grid of inputs, in ascending order."""
    grid = np.linspace(code.low, code.high, 2**14 + 1)
    fine = code.high * np.exp2(np.linspace(_FINEST, 0, 2**12))
    return np.unique(code.code(np.concatenate([grid, fine])))


def _relu(x: Array) -> Array:
    return np.maximum(x, 0.0)
