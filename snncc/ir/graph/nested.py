# SPDX-License-Identifier: Apache-2.0
"""Graphs inside nodes: bodies of loops, branches of conditions."""

from __future__ import annotations

from collections.abc import Iterator

import onnx
import onnx_graphsurgeon as gs

from snncc.ir.scopes import names_of

__all__ = ["inner_graphs", "names_within", "nodes_within"]


def inner_graphs(node: gs.Node) -> list[gs.Graph | onnx.GraphProto]:
    """The graphs inside `node`: graphsurgeon's, or protos if a pass has added it."""
    return [v for v in node.attrs.values() if isinstance(v, gs.Graph | onnx.GraphProto)]


def nodes_within(graph: gs.Graph | onnx.GraphProto) -> Iterator[gs.Node]:
    """The nodes of a graph inside a node, and of all graphs inside it."""
    if isinstance(graph, gs.Graph):
        for node in graph.nodes:
            yield node
            for inner in inner_graphs(node):
                yield from nodes_within(inner)


def names_within(graph: gs.Graph | onnx.GraphProto) -> Iterator[str]:
    """The names of its nodes and tensors, and of those of all graphs inside it."""
    if isinstance(graph, onnx.GraphProto):
        yield from names_of(graph)
        return
    yield from graph.tensors()
    for node in graph.nodes:
        yield node.name
        for inner in inner_graphs(node):
            yield from names_within(inner)
