# SPDX-License-Identifier: Apache-2.0
"""Aggregation over the edges of a graph, the synapses of a graph convolution: Y = A X with a sparse matrix A.

Y[n, i] = Σ weights[e] X[n, sources[e]] over all edges e with targets[e] = i, for samples n; the edges are sorted by
target. Sums are made in float32, edge by edge, whatever the element type.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from snncc.ops.arrays import Array
from snncc.ops.registry import AttributeValues, OpDef, Parameter, register

__all__ = ["AGGREGATE"]

_AT_ONCE = 2**16  # edges whose messages the body holds at a time


def reference(inputs: Sequence[Array], attributes: AttributeValues) -> tuple[Array, ...]:  # noqa: ARG001
    """Aggregate in numpy: (X, sources, targets, weights) -> (Y)."""
    x, sources, targets, weights = inputs
    total = np.zeros(x.shape, np.float32)
    for source, target, weight in zip(sources, targets, weights, strict=True):
        total[:, target] += weight * x[:, source].astype(np.float32)
    return (total.astype(x.dtype),)


# With ScatterND, onnxruntime adds to one element from several threads at once, and loses part of the sum; with
# ScatterElements it does not. This needs an index for every value, hence the Loop over some edges at a time.
_BODY = f"""x = Cast <to = 1> (X)
shape = Shape (x)
total_start = ConstantOfShape (shape)
edges = Shape (sources)
at_once = Constant <value_ints = [{_AT_ONCE}]> ()
one = Constant <value_ints = [1]> ()
column = Constant <value_ints = [-1, 1]> ()
true = Constant <value = bool {{1}}> ()
above = Add (edges, at_once)
most = Sub (above, one)
turns_1 = Div (most, at_once)
turns = Squeeze (turns_1)
total_end = Loop <body = some_edges (int64 turn, bool go, total) => (go_on, total_next) {{
begin = Mul (turn, at_once)
end = Add (begin, at_once)
from = Slice (sources, begin, end)
to = Slice (targets, begin, end)
weight = Slice (weights, begin, end)
weight_column = Reshape (weight, column)
sent = Gather <axis = 1> (x, from)
message = Mul (sent, weight_column)
messages = Shape (message)
to_wide = Cast <to = 7> (to)
to_column = Reshape (to_wide, column)
places = Expand (to_column, messages)
total_next = ScatterElements <axis = 1, reduction = "add"> (total, places, message)
go_on = Identity (go)
}}> (turns, true, total_start)
Y = CastLike (total_end, X)"""


def _example(rng: np.random.Generator) -> tuple[list[Array], dict[str, Any]]:
    nodes, edges = 6, 17
    x = rng.normal(0, 1, (3, nodes, 5)).astype(np.float32)
    sources, targets = rng.integers(0, nodes, (2, edges)).astype(np.int32)
    return [x, sources, np.sort(targets), rng.normal(0, 1, edges).astype(np.float32)], {}


AGGREGATE = register(
    OpDef(
        name="Aggregate",
        doc="Sum over the edges of a graph: Y[n, i] = sum of weights[e] * X[n, sources[e]] over all edges e with "
        "targets[e] = i, in float32, in the order of the edges.",
        inputs=(
            Parameter("X", "T", "Values of the nodes, [N, nodes, channels]."),
            Parameter("sources", "tensor(int32)", "Node that each edge starts from, 0 … nodes - 1, [edges]."),
            Parameter("targets", "tensor(int32)", "Node that it leads to, never falling from edge to edge, [edges]."),
            Parameter("weights", "tensor(float)", "Its weight, [edges]."),
        ),
        outputs=(Parameter("Y", "T", "Their sums, the shape of X."),),
        attributes=(),
        reference=reference,
        body=lambda _: _BODY,
        examples=_example,
        neuron=False,
    )
)
