# SPDX-License-Identifier: Apache-2.0
"""Einsum(x, W) with a constant W -> a MatMul between Transposes and Reshapes, a Mul, or a ReduceSum.

Each index of x is of one of four kinds: in W and in the result (each of its values has its own matrix, "own"), in W
alone (contracted with the matrix, "in"), in the result alone ("rows"), in neither (summed first). With x' of [rows,
own, in] and W' of [own, in, out] the result is x' W'. An Einsum of one operand needs no matrix.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from snncc.ir.graph import Graph, Node, Tensor
from snncc.ops.arrays import Array
from snncc.passes.base import NodePass, Skip

__all__ = ["LowerEinsum"]

_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"  # for the axes of an ellipsis


@dataclass(frozen=True)
class _Found:
    """x, its indices, the indices of the result, and W with its own (None: there is no W)."""

    source: Tensor
    of_source: str
    of_result: str
    weight: Array | None
    of_weight: str


@dataclass(frozen=True)
class LowerEinsum(NodePass):
    """Einsum(x, W) -> MatMul, Mul or ReduceSum, with the axes put in order."""

    name: ClassVar[str] = "lower-einsum"
    ops: ClassVar[tuple[str, ...]] = ("Einsum",)

    def match(self, graph: Graph, node: Node) -> _Found | Skip:
        """Reject products of activations, diagonals, ops that mix samples, and axes of unknown length."""
        if any(graph.shape(t) is None for t in node.inputs):
            return Skip("the rank of an operand is not known")
        terms, result = _indices(node.attrs["equation"], [len(graph.shape(t) or ()) for t in node.inputs])
        computed = [i for i, t in enumerate(node.inputs) if graph.value(t) is None]
        if len(computed) != 1 or len(node.inputs) > 2:
            return Skip("it is a product of activations")
        if any(len(set(term)) < len(term) for term in (*terms, result)):
            return Skip("it takes a diagonal")
        index = computed[0]
        others = [(graph.value(t), terms[i]) for i, t in enumerate(node.inputs) if i != index]
        weight, of_weight = others[0] if others else (None, "")
        source = node.inputs[index]
        found = _Found(source, terms[index], result, weight, of_weight)
        if not found.of_source or found.of_source[0] != result[:1] or found.of_source[0] in of_weight:
            return Skip("it mixes samples, or moves their axis")
        if not all(isinstance(d, int) for d in (graph.shape(source) or ())[1:]):
            return Skip("the length of an axis is not known")
        return found

    def rewrite(self, graph: Graph, node: Node, match: _Found) -> None:
        """Put the simpler ops in its place."""
        lengths = dict(zip(match.of_source, graph.shape(match.source) or (), strict=True))
        weight, of_weight = _summed(match)
        lengths |= dict(zip(of_weight, weight.shape, strict=True))
        maker = _Maker(graph, node.name, lengths, match.source, match.of_source)
        maker.reduce([i for i in match.of_source if i not in match.of_result + of_weight])
        own = [i for i in of_weight if i in match.of_source and i in match.of_result]
        inner = [i for i in of_weight if i in match.of_source and i not in match.of_result]
        outer = [i for i in of_weight if i not in match.of_source]
        if inner or outer:
            matrices = np.einsum(f"{of_weight}->{''.join([*own, *inner, *outer])}", weight)
            maker.multiply_matrices(matrices, own, inner, outer)
        elif of_weight:
            maker.order(match.of_result)
            maker.multiply(weight, of_weight)
        elif weight.item() != 1:
            maker.multiply(weight, "")
        maker.order(match.of_result)
        maker.result.shape = node.outputs[0].shape
        if maker.result is match.source:
            maker.result = graph.add("Identity", [match.source], name=node.name)
        graph.bypass(node, maker.result)


def _summed(found: _Found) -> tuple[Array, str]:
    """W, summed over the indices that neither x nor the result has; 1 without W."""
    if found.weight is None:
        return np.ones((), found.source.dtype), ""
    kept = "".join(i for i in found.of_weight if i in found.of_source + found.of_result)
    return np.einsum(f"{found.of_weight}->{kept}", found.weight), kept


class _Maker:
    """Add ops one after the other; `order` names the axes of the current result."""

    def __init__(self, graph: Graph, name: str, lengths: dict[str, Any], source: Tensor, indices: str) -> None:
        self._graph, self._name, self._lengths = graph, name, lengths
        self.result, self._indices = source, indices

    def reduce(self, indices: list[str]) -> None:
        """Sum over `indices`."""
        if indices:
            axes = np.array([self._indices.index(i) for i in indices], np.int64)
            self._add("ReduceSum", axes, {"keepdims": 0})
            self._indices = "".join(i for i in self._indices if i not in indices)

    def order(self, indices: str) -> None:
        """Put the axes into this order."""
        if indices != self._indices:
            permutation = [self._indices.index(i) for i in indices]
            self.result = self._graph.add("Transpose", [self.result], name=self._name, attrs={"perm": permutation})
            self._indices = indices

    def multiply(self, weight: Array, indices: str) -> None:
        """Multiply each element with its factor."""
        order = "".join(i for i in self._indices if i in indices)
        factor = np.einsum(f"{indices}->{order}", weight)
        shape = [self._lengths[i] if i in order else 1 for i in self._indices]
        self._add("Mul", factor.reshape(shape), {})

    def multiply_matrices(self, weight: Array, own: list[str], inner: list[str], outer: list[str]) -> None:
        """x' W': of W [own…, in…, out…]; the axes become rows, own and out."""
        rows = [i for i in self._indices if i not in own + inner]
        batch, *rest = rows
        self.order("".join([batch, *own, *rest, *inner]))
        sizes = [[self._lengths[i] for i in group] for group in (own, rest, inner, outer)]
        ins, outs = (int(np.prod(sizes[i], dtype=np.int64)) for i in (2, 3))
        if len(inner) != 1:
            self._reshape([0, *sizes[0], *sizes[1], ins])
        matrices = weight.reshape(*sizes[0], *(1,) * max(0, len(rest) - 1), ins, outs)
        if own and not rest:  # a matrix for each value of `own`, times one row
            self._reshape([0, *sizes[0], 1, ins])
        self._add("MatMul", matrices, {})
        if len(outer) != 1 or (own and not rest):
            self._reshape([0, *sizes[0], *sizes[1], *sizes[3]])
        self._indices = "".join([batch, *own, *rest, *outer])

    def _reshape(self, shape: list[int]) -> None:
        self._add("Reshape", np.array(shape, np.int64), {})

    def _add(self, op: str, operand: Array, attrs: dict[str, Any]) -> None:
        constant = self._graph.constant(f"{self._name}_{op.lower()}", operand)
        self.result = self._graph.add(op, [self.result, constant], name=self._name, attrs=attrs)
        self.result.shape = None


def _indices(equation: str, ranks: list[int]) -> tuple[list[str], str]:
    """The indices of each operand and of the result, an ellipsis written out."""
    left, arrow, right = equation.replace(" ", "").partition("->")
    terms = left.split(",")
    free = [letter for letter in _LETTERS if letter not in equation]
    hidden = [rank - len(t.replace("...", "")) if "..." in t else 0 for t, rank in zip(terms, ranks, strict=True)]
    spread = free[: max(hidden)]
    full = [t.replace("...", "".join(spread[max(hidden) - h :])) for t, h in zip(terms, hidden, strict=True)]
    if not arrow:
        once = sorted(i for i in set("".join(terms)) - {"."} if "".join(terms).count(i) == 1)
        return full, "".join([*spread, *once])
    return full, right.replace("...", "".join(spread))
