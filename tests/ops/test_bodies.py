# SPDX-License-Identifier: Apache-2.0
"""Function bodies are flat, for viewers and minimal runtimes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import onnx
import pytest

from snncc import ops
from snncc.ops.registry import OpDef

every_op = pytest.mark.parametrize("op", ops.all_ops(), ids=lambda op: op.name)


def body(op: OpDef) -> onnx.FunctionProto:
    _, attributes = op.examples(np.random.default_rng(7))
    return op.function(op.length(attributes), 21)


def nodes(listed: Iterable[onnx.NodeProto], depth: int = 0) -> Iterator[tuple[onnx.NodeProto, int]]:
    """Every node, and how many graphs deep it lies within others."""
    for node in listed:
        yield node, depth
        for attribute in node.attribute:
            for graph in [*([attribute.g] if attribute.HasField("g") else []), *attribute.graphs]:
                yield from nodes(graph.node, depth + 1)


@every_op
def test_no_function_is_called_inside_a_function(op: OpDef) -> None:
    assert {node.domain for node, _ in nodes(body(op).node)} == {""}


@every_op
def test_only_time_and_edges_are_a_graph_in_a_graph(op: OpDef) -> None:
    """What runs over `steps`, an attribute, or over edges, some at a time, needs one loop; all else is a plain list.

    The tables of differential coding have any length: another loop runs over the entries of a step.
    """
    over_time = "steps" in {a.name for a in op.attributes} or op.name == "Aggregate"
    holders = [n.op_type for n, _ in nodes(body(op).node) if any(a.HasField("g") or a.graphs for a in n.attribute)]
    assert len(holders) == (2 if op.name == "DifferentialNeuron" else int(over_time))
    assert set(holders) <= {"Loop", "Scan"}
    assert max(depth for _, depth in nodes(body(op).node)) == len(holders)
