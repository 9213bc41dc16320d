# SPDX-License-Identifier: Apache-2.0
"""Constant folding."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import onnx
import onnx_graphsurgeon as gs

from snncc.ir.graph.constants import InFile, held, in_file
from snncc.ir.graph.editing import GraphEditing
from snncc.ops.arrays import Array

__all__ = ["Evaluate", "GraphFolding"]

# The values of the outputs of a model without inputs; None: it cannot be run.
Evaluate = Callable[[onnx.ModelProto], Sequence[Array] | None]

_NOT_FOLDED = frozenset({"QuantizeLinear", "DequantizeLinear", "DynamicQuantizeLinear"})


class GraphFolding(GraphEditing):
    """The part of `Graph` that replaces nodes by constants."""

    def fold_constants(self, evaluate: Evaluate) -> None:
        """Replace all nodes that depend on constants and static shapes only by their values."""
        self._drop_erased()
        with self._loaded():
            folded = True
            while folded:  # a constant may be the index into a shape
                # graphsurgeon propagates shapes only: its onnxruntime sessions would use the log level of the process.
                self._graph.fold_constants(size_threshold=None, should_exclude_node=lambda _: True)
                folded = self._evaluate_constants(evaluate)
        self.cleanup()

    def _evaluate_constants(self, evaluate: Evaluate) -> bool:
        """Replace nodes that read constants only by their results; returns whether there were any."""
        part = self._graph.copy()
        known = {id(t) for t in part.tensors().values() if isinstance(t, gs.Constant)}
        inside, made = set(), []
        for node in part.nodes:
            if node.op not in _NOT_FOLDED and all(id(t) in known for t in self.reads(node)):
                inside.add(id(node))
                made += [t for t in node.outputs if t.name]
                known.update(map(id, node.outputs))
        put_out = set(map(id, part.outputs))
        part.outputs = [t for t in made if id(t) in put_out or not all(id(reader) in inside for reader in t.outputs)]
        if not part.outputs:
            return False
        part.cleanup(remove_unused_graph_inputs=True, recurse_functions=False)
        values = evaluate(gs.export_onnx(part, do_type_check=False))
        if values is None:
            return False
        tensors = self._graph.tensors()
        for output, value in zip(part.outputs, values, strict=True):
            tensors[output.name].to_constant(value).inputs.clear()
        return True

    @contextmanager
    def _loaded(self) -> Iterator[None]:
        """Context in which constants in files are in memory if nodes without computed inputs read them."""
        driven = {id(t) for t in self._graph.inputs}
        before: list[tuple[gs.Constant, InFile]] = []
        for node in self.nodes():
            if any(id(t) in driven for t in self.reads(node)):
                driven.update(map(id, node.outputs))
            else:
                before += [(t, t._values) for t in node.inputs if isinstance(t, gs.Constant) and in_file(t)]
        for tensor, values in before:
            tensor.values = values.load()
        yield
        for tensor, values in before:
            tensor.values = values
        for tensor in self._graph.tensors().values():
            if isinstance(tensor, gs.Constant) and not in_file(tensor):
                tensor.values = held(tensor)
