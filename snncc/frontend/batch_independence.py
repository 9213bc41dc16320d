# SPDX-License-Identifier: Apache-2.0
"""Reject ops that mix samples where rows may be time steps of samples.

This is tested by a run: the results for a batch must equal those for its parts.
"""

from __future__ import annotations

import numpy as np

from snncc.analysis.activation_sites import activation_nodes
from snncc.analysis.analog_ops import analog_ops, endings
from snncc.analysis.batch_axis import batch_axes
from snncc.analysis.sample_rows import same_values, whole_and_halves
from snncc.errors import UnsupportedOpError
from snncc.ir.graph import Graph, Node

__all__ = ["node_mixing_samples", "refuse_mixing"]


def refuse_mixing(graph: Graph, name: str) -> None:
    """Raise UnsupportedOpError for the node that `node_mixing_samples` returns, if any."""
    node = node_mixing_samples(graph)
    if node is not None:
        message = f"{name}: {node.op} '{node.name}' mixes samples, and with this coding rows are time steps of samples"
        remedy = "Convert with --coding fs, or phase without --wait, or keep the op off the batch axis"
        raise UnsupportedOpError(f"{message}. {remedy}.")


def node_mixing_samples(graph: Graph) -> Node | None:
    """The first node whose result for a sample depends on other samples; None also if no trial is possible.

    It is not where the batch has a fixed size.
    """
    shapes = [graph.shape(t) or (None,) for t in graph.inputs]
    if any(isinstance(s[0], int) for s in shapes):
        return None
    relus = activation_nodes(graph)
    read = [*(n.inputs[0] for n in relus), *graph.outputs]  # the potential of a ReLU that gives 0
    ends = [n for t in read if (n := graph.producer(t)) is not None]
    return _mixes(graph, [*relus, *ends]) and _mixes(graph, graph.nodes())


def _mixes(graph: Graph, nodes: list[Node]) -> Node | None:
    """The first of `nodes` whose result differs when half of the samples come alone."""
    last, chosen = {id(n) for n in endings(graph)}, {id(n) for n in analog_ops(graph)}
    watched = [n for n in nodes if n.outputs[0].dtype is not None and (_is_real(n) or id(n) in chosen)]
    watched = [n for n in watched if id(n) not in last]  # which is computed once, of the samples themselves
    axes, makers = batch_axes(graph), {n.outputs[0].name: n for n in watched}
    for name, together, parts in whole_and_halves(graph, list(makers)):
        node = makers[name]
        if not same_values(together, parts, axes.get(id(node.outputs[0])) or 0):
            return node
    return None


def _is_real(node: Node) -> bool:
    """Whether `node` gives real numbers, rather than shapes or indices."""
    return bool(np.dtype(node.outputs[0].dtype).kind == "f")
