# SPDX-License-Identifier: Apache-2.0
"""Add and negate tensors, as nodes or as constants."""

from __future__ import annotations

import numpy as np

from snncc.ir.graph import Graph, Tensor

__all__ = ["negated", "shifted"]


def negated(graph: Graph, tensor: Tensor, name: str) -> Tensor:
    """-x, as a constant if x is one."""
    value = graph.value(tensor)
    if value is not None:
        return graph.constant(f"{name}_negated", -value)
    return graph.add("Mul", [tensor, graph.constant(f"{name}_sign", np.asarray(-1, tensor.dtype))], name=name)


def shifted(graph: Graph, first: Tensor, second: Tensor, name: str) -> Tensor:
    """x + y."""
    return graph.add("Add", [first, second], name=name)
