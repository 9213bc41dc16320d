# SPDX-License-Identifier: Apache-2.0
"""State of a graph, and queries of its nodes, tensors, shapes and provenance."""

from __future__ import annotations

from itertools import chain
from typing import Any, TypeAlias

import numpy as np
import onnx
import onnx_graphsurgeon as gs

from snncc.ir.graph.constants import in_file
from snncc.ir.graph.nested import inner_graphs, names_within, nodes_within
from snncc.ir.ordering import by_level
from snncc.ir.provenance import Provenance, Role
from snncc.ops.arrays import Array

__all__ = ["GraphQueries", "Node", "Shape", "Tensor"]

Node: TypeAlias = gs.Node
Tensor: TypeAlias = gs.Tensor
Shape = tuple[int | str | None, ...]

gs.logger.G_LOGGER.severity = gs.logger.G_LOGGER.ERROR  # its warnings go to stdout, which is for data


class GraphQueries:
    """The part of `Graph` that changes nothing but the order of nodes."""

    def __init__(self, graph: gs.Graph, template: onnx.ModelProto) -> None:
        self._graph = graph
        self._template = template
        self._names = {t.name for t in graph.tensors().values()} | {n.name for n in graph.nodes}
        self._names |= {name for n in graph.nodes for inner in inner_graphs(n) for name in names_within(inner)}
        self._with_graphs = [n for n in graph.nodes if any(isinstance(inner, gs.Graph) for inner in inner_graphs(n))]
        self._provenance: dict[str, Provenance] = {}  # by node
        self._rewritten: Provenance | None = None  # of the node in whose place nodes are added
        self._numbers: dict[str, int] = {}  # by prefix, the number below which all names are given
        self._erased: set[int] = set()  # nodes that are still in the list
        self._ends: set[int] | None = None  # the outputs, by id
        self._added: list[Node] = []

    @property
    def inputs(self) -> list[Tensor]:
        """The graph's inputs, in order."""
        return list(self._graph.inputs)

    @property
    def outputs(self) -> list[Tensor]:
        """The graph's outputs, in order."""
        return list(self._graph.outputs)

    @property
    def opset(self) -> int:
        """The ONNX opset of the standard ops."""
        return int(self._graph.opset)

    def nodes(self, *ops: str) -> list[Node]:
        """A snapshot of the nodes in topological order, of the given op types or of all."""
        self._sort()
        return [n for n in self._graph.nodes if not ops or n.op in ops]

    @staticmethod
    def value(tensor: Tensor) -> Array | None:
        """The value of a constant, None for a tensor that is computed."""
        if not isinstance(tensor, gs.Constant):
            return None
        if in_file(tensor):  # whose `values` would stay in memory
            return np.asarray(tensor._values.load())
        return np.asarray(tensor.values)

    @staticmethod
    def producer(tensor: Tensor) -> Node | None:
        """The node that computes `tensor`; None for inputs and constants."""
        return tensor.inputs[0] if tensor.inputs else None

    def users(self, tensor: Tensor) -> list[Node]:
        """The nodes that read `tensor`, one entry per use; for a use in a subgraph, the node that contains it."""
        owners = self._owners()
        return [owners.get(id(user), user) for user in tensor.outputs]

    @staticmethod
    def reads(node: Node) -> list[Tensor]:
        """The tensors that `node` reads: its inputs, without omitted ones, and outer tensors that its
        subgraphs read.
        """
        found = [t for t in node.inputs if t.name]
        for inner in inner_graphs(node):
            if isinstance(inner, gs.Graph):
                found += [t for t in inner._foreign_tensors().values() if t.name]
        return found

    def provenance(self, node: Node) -> Provenance:
        """The provenance of `node`; a node that no pass added is its own origin."""
        return self._provenance.get(node.name) or Provenance(node.name, node.name, node.op)

    def has_role(self, node: Node | None, role: Role) -> bool:
        """Whether a pass added `node` for this role."""
        return node is not None and self.provenance(node).role == role

    def is_output(self, tensor: Tensor) -> bool:
        """Whether `tensor` is a graph output."""
        if self._ends is None:
            self._ends = set(map(id, self._graph.outputs))
        return id(tensor) in self._ends

    def sole_user(self, tensor: Tensor) -> Node | None:
        """The one node that reads `tensor`, None if there are others or it is a graph output."""
        users = self.users(tensor)
        return users[0] if len(users) == 1 and not self.is_output(tensor) else None

    def shape(self, tensor: Tensor) -> Shape | None:
        """The shape as inferred: an int, a symbol or None for each axis; None if the rank is unknown."""
        return None if tensor.shape is None else tuple(tensor.shape)

    def sizes(self, tensor: Tensor) -> list[int]:
        """The lengths of all axes except the batch, which must be known."""
        return [d for d in (self.shape(tensor) or ())[1:] if isinstance(d, int)]

    def element_type(self) -> np.dtype[Any]:
        """The element type of the network's activations: that of its first input, or of tensors computed from its
        inputs.
        """
        read = [t for t in self._graph.inputs if not all(n.op == "Cast" for n in t.outputs)]
        results = (t for n in self._graph.nodes for t in n.outputs)
        kinds = (np.dtype(t.dtype) for t in chain(read, results, self._graph.inputs) if t.dtype is not None)
        return next(kind for kind in kinds if kind.kind == "f")

    def _owners(self) -> dict[int, Node]:
        """By id of each node in a graph inside a node of this graph: that node."""
        return {id(n): node for node in self._with_graphs for inner in inner_graphs(node) for n in nodes_within(inner)}

    def _drop_erased(self) -> None:
        if self._erased:
            self._graph.nodes = [n for n in self._graph.nodes if id(n) not in self._erased]
            self._erased = set()

    def _sort(self) -> None:
        """Bring the nodes, those of graphs inside them too, into topological order."""
        self._drop_erased()
        captured: dict[int, list[Tensor]] = {}  # outer tensors that subgraphs read
        for node in self._graph.nodes:
            for inner in node.subgraphs():
                inner.toposort(recurse_functions=False, mode="nodes")
                captured.setdefault(id(node), []).extend(inner._foreign_tensors().values())
        here = set(map(id, self._graph.nodes))

        def makers(node: Node) -> list[Node]:
            read = [*node.inputs, *captured.get(id(node), ())]
            return [maker for tensor in read for maker in tensor.inputs if id(maker) in here]

        self._graph.nodes = by_level(self._graph.nodes, makers)
