# SPDX-License-Identifier: Apache-2.0
"""Name scopes across subgraphs (the branches of an If, the body of a Loop or Scan).

A subgraph reads outer tensors by their names, without listing them: they are inputs of the node as much as those that
it lists. '' is not a name: it marks an omitted input or output.
"""

from __future__ import annotations

from collections.abc import Iterator

import onnx

__all__ = ["captured", "inner_graphs", "names_of", "reads", "writes"]


def inner_graphs(node: onnx.NodeProto) -> Iterator[onnx.GraphProto]:
    """The direct subgraphs of `node`."""
    for attribute in node.attribute:
        if attribute.HasField("g"):
            yield attribute.g
        yield from attribute.graphs


def reads(node: onnx.NodeProto) -> list[str]:
    """The tensors that `node` reads: one entry for each input, then the outer tensors that its subgraphs read."""
    return [*filter(None, node.input), *captured(node)]


def captured(node: onnx.NodeProto) -> list[str]:
    """The outer tensors that subgraphs of `node` read, without duplicates."""
    return list(dict.fromkeys(name for graph in inner_graphs(node) for name in _taken_from_outside(graph)))


def writes(node: onnx.NodeProto) -> list[str]:
    """The tensors that `node` computes, without omitted outputs."""
    return [name for name in node.output if name]


def names_of(graph: onnx.GraphProto) -> Iterator[str]:
    """The names of all tensors and nodes of `graph` and its subgraphs."""
    yield from (value.name for value in (*graph.input, *graph.output, *graph.initializer))
    yield from (sparse.values.name for sparse in graph.sparse_initializer)
    for node in graph.node:
        yield from (name for name in (node.name, *node.input, *node.output) if name)
        for inner in inner_graphs(node):
            yield from names_of(inner)


def _taken_from_outside(graph: onnx.GraphProto) -> Iterator[str]:
    own = {value.name for value in (*graph.input, *graph.initializer)}
    own |= {sparse.values.name for sparse in graph.sparse_initializer}
    own |= {name for node in graph.node for name in node.output}
    yield from (name for node in graph.node for name in reads(node) if name not in own)
    yield from (value.name for value in graph.output if value.name not in own)
