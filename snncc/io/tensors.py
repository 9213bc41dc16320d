# SPDX-License-Identifier: Apache-2.0
"""Iterate over all tensors that a model holds, in any position."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import onnx

__all__ = ["tensors_of"]


def tensors_of(model: onnx.ModelProto) -> Iterator[tuple[str, onnx.TensorProto]]:
    """(name, tensor) of every weight: initializers and tensor attributes, also in subgraphs and local functions."""
    yield from _in_graph(model.graph)
    for function in model.functions:
        yield from _in_nodes(function.node)


def _in_graph(graph: onnx.GraphProto) -> Iterator[tuple[str, onnx.TensorProto]]:
    for tensor in graph.initializer:
        yield tensor.name, tensor
    for sparse in graph.sparse_initializer:
        yield from _in_sparse(sparse, "")
    yield from _in_nodes(graph.node)


def _in_nodes(nodes: Iterable[onnx.NodeProto]) -> Iterator[tuple[str, onnx.TensorProto]]:
    for node in nodes:
        for attribute in node.attribute:
            for tensor in _both(attribute, "t", "tensors"):
                yield tensor.name or ", ".join(node.output), tensor
            for sparse in _both(attribute, "sparse_tensor", "sparse_tensors"):
                yield from _in_sparse(sparse, ", ".join(node.output))
            for graph in _both(attribute, "g", "graphs"):
                yield from _in_graph(graph)


def _both(attribute: onnx.AttributeProto, one: str, several: str) -> list[Any]:
    """The tensors of the attribute, independent of its declared type."""
    return [*([getattr(attribute, one)] if attribute.HasField(one) else []), *getattr(attribute, several)]


def _in_sparse(sparse: onnx.SparseTensorProto, name: str) -> Iterator[tuple[str, onnx.TensorProto]]:
    for tensor in (sparse.values, sparse.indices):
        yield sparse.values.name or name, tensor
