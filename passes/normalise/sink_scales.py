# SPDX-License-Identifier: Apache-2.0
"""synapse(k · x) -> synapse'(x): sink constant factors towards the output, into the weights of synapses.

A factor is passed to each user separately. Pools and shape-only ops pass it on (max only for factors > 0); Concat
passes on the factors of all its inputs; Add passes on the common factor of both summands; two Muls become one. A factor
that no user can apply stays a Mul, an identity synapse. A factor of 1 is removed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import ClassVar

import numpy as np

from snncc.analysis.resize import unsupported_resize
from snncc.ir.graph import Graph, Node, Tensor
from snncc.ir.op_sets import MOVES, REDUCTION_POOLS, WINDOW_POOLS
from snncc.ops.arrays import Array
from snncc.passes.base import NodePass, Skip
from snncc.passes.shared.scale_propagation import factor_after_concat, factor_after_move, reduced_factor
from snncc.passes.shared.scaling import channel_vector, constant_factor, factor_of, fold_factor, insert_factor

__all__ = ["SinkScales"]

Action = Callable[[], None]

_MOVES = MOVES - {"Concat", "Dropout", "Identity"}


@dataclass(frozen=True)
class SinkScales(NodePass):
    """op(Mul(x, k)) -> op'(x), or Mul(op(x), k') where op has no weights."""

    name: ClassVar[str] = "sink-scales"
    ops: ClassVar[tuple[str, ...]] = ("Mul",)
    max_rounds: ClassVar[int] = 1000

    def match(self, graph: Graph, node: Node) -> Action | Skip | None:
        """How the first user that can apply the factor does so; a factor of 1 needs no user."""
        found = constant_factor(graph, node)
        if found is None:
            return None
        source, factor = found
        if (factor == 1).all() and not (graph.is_output(node.outputs[0]) and graph.producer(source) is None):
            return partial(graph.bypass, node, source)
        for user in graph.users(node.outputs[0]):
            action = _handover(graph, user, node.outputs[0], source, factor)
            if action is not None:
                return action
        return Skip("no user takes its factor")

    def rewrite(self, graph: Graph, node: Node, match: Action) -> None:
        """Apply the factor in the user; the Mul stays if it has other users."""
        match()
        if node.outputs and not graph.users(node.outputs[0]) and not graph.is_output(node.outputs[0]):
            graph.erase(node)


def _handover(graph: Graph, user: Node, scaled: Tensor, source: Tensor, factor: Array) -> Action | None:
    """A function that makes `user` read `source` instead of `scaled` = factor * source; None if impossible."""
    own = constant_factor(graph, user)
    if own is not None:
        return partial(_merge, graph, user, source, factor * own[1])
    if user.op in ("Concat", "Add"):
        after = factor_after_concat(graph, user) if user.op == "Concat" else _shared_factor(graph, user)
        return None if after is None else partial(_pass_on, graph, user, after)
    if user.inputs[0] is not scaled or any(t is scaled for t in user.inputs[1:]):
        return None
    edit = fold_factor(graph, user, factor, "input")
    if edit is not None:
        return partial(_absorb, user, source, edit)
    after = _carried(graph, user, factor)
    return None if after is None else partial(_pass_on, graph, user, after)


def _merge(graph: Graph, user: Node, source: Tensor, factor: Array) -> None:
    """Mul(Mul(x, k), l) -> Mul(x, k l)."""
    user.inputs = [source, graph.constant(f"{user.name}_factor", factor.astype(graph.element_type()))]


def _absorb(user: Node, source: Tensor, edit: Action) -> None:
    user.inputs[0] = source
    edit()


def _pass_on(graph: Graph, user: Node, after: Array) -> None:
    """op(k x, …) -> k' op(x, …)."""
    for index, tensor in enumerate(user.inputs):
        producer = graph.producer(tensor)
        found = constant_factor(graph, producer) if producer is not None else None
        if found is not None:
            user.inputs[index] = found[0]
    result = user.outputs[0]
    rescaled = insert_factor(graph, result, after, f"{user.name}_rescale", "factor")
    graph.replace_uses(result, rescaled, keep=[graph.producer(rescaled)])


def _carried(graph: Graph, user: Node, factor: Array) -> Array | None:
    """k' with op(k x) = k' op(x), None if there is none."""
    if "Max" in user.op and not (factor > 0).all():
        return None
    if user.op in (*WINDOW_POOLS, "Resize"):
        within = channel_vector(factor, 1) is not None and len(user.outputs) == 1
        return factor if within and (user.op != "Resize" or unsupported_resize(graph, user) is None) else None
    if user.op == "Aggregate":
        return factor if channel_vector(factor, -1) is not None else None
    if user.op in REDUCTION_POOLS:
        return reduced_factor(graph, user, factor)
    return factor_after_move(graph, user, factor) if user.op in _MOVES else None


def _shared_factor(graph: Graph, node: Node) -> Array | None:
    """The common factor of both summands of an Add."""
    first, second = (factor_of(graph, t) for t in node.inputs)
    if first is None or second is None or first.shape != second.shape:
        return None
    return first if np.array_equal(first, second) else None
