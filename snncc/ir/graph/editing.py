# SPDX-License-Identifier: Apache-2.0
"""Edits of a graph."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx_graphsurgeon as gs

from snncc.ir.graph.constants import stored_or_held
from snncc.ir.graph.naming import GraphNaming
from snncc.ir.graph.queries import Node, Shape, Tensor
from snncc.ir.provenance import Provenance, Role

__all__ = ["GraphEditing"]


class GraphEditing(GraphNaming):
    """The part of `Graph` that adds, connects and removes nodes."""

    def constant(self, prefix: str, value: npt.ArrayLike) -> Tensor:
        """A new constant; a large one goes to a file."""
        return gs.Constant(self.fresh(prefix), stored_or_held(np.asarray(value, order="C")))

    def add(
        self,
        op: str,
        inputs: Sequence[Tensor],
        *,
        name: str,
        attrs: dict[str, Any] | None = None,
        domain: str | None = None,
        unused_outputs: int = 0,
        role: Role | None = None,
        provenance: Provenance | None = None,
    ) -> Tensor:
        """Add a node and return its first output, which has the type and shape of input 0.

        `unused_outputs` more are written as '': a node of an op with a function body must name all of its outputs.
        Its provenance is that of the node being rewritten, unless `provenance` is given.
        """
        name, like = self.fresh(name), inputs[0]
        outputs = [gs.Variable(self.fresh(f"{name}_out"), dtype=like.dtype, shape=like.shape)]
        outputs += [gs.Variable.empty() for _ in range(unused_outputs)]
        node = gs.Node(op, name, dict(attrs or {}), list(inputs), outputs, domain=domain)
        self._graph.nodes.append(node)
        self._added.append(node)
        made = provenance or self._rewritten
        if made is not None or role is not None:
            made = made or Provenance(name, name, op)
            self._provenance[name] = replace(made, role=role or made.role)
        return outputs[0]

    def take_added(self, *ops: str) -> list[Node]:
        """The nodes of these op types added since the last call, except erased ones."""
        added, self._added = self._added, []
        return [n for n in added if n.op in ops and n.outputs]

    def add_input(self, name: str, dtype: np.dtype[Any], shape: Shape | None) -> Tensor:
        """A new input of the graph; `name` should be fresh."""
        tensor = gs.Variable(name, dtype=dtype, shape=None if shape is None else list(shape))
        self._graph.inputs.append(tensor)
        return tensor

    def add_output(self, tensor: Tensor, name: str) -> None:
        """Make `tensor`, which is not a graph output yet, an output called `name`."""
        tensor.name = name
        self._graph.outputs.append(tensor)
        self._ends = None

    @staticmethod
    def use_output(node: Node, index: int, dtype: np.dtype[Any], shape: Shape | None) -> Tensor:
        """The so far unused output of `node`, as a tensor that can be named."""
        tensor = gs.Variable("", dtype=dtype, shape=None if shape is None else list(shape))
        node.outputs[index] = tensor
        return tensor

    def replace_uses(self, old: Tensor, new: Tensor, *, keep: Sequence[Node] = (), outputs: bool = True) -> None:
        """Replace `old` by `new` in all users except the nodes in `keep`; with `outputs` also as a graph output.

        A graph output keeps its name.
        """
        owners, kept = self._owners(), {id(k) for k in keep}
        for node in {id(n): n for n in old.outputs}.values():
            if id(owners.get(id(node), node)) not in kept:
                node.inputs = [new if t is old else t for t in node.inputs]
        if outputs and self.is_output(old):
            self._move_output(old, new)

    def erase(self, node: Node) -> None:
        """Remove `node`; its outputs must have no users left."""
        self._detach(node)
        self._free(node.name)

    def prune(self, tensors: Iterable[Tensor]) -> None:
        """Remove the nodes that compute `tensors` and have no users left, and nodes that only these read."""
        pending = list(tensors)
        while pending:
            node = self.producer(pending.pop())
            if node is not None and not any(out.outputs or self.is_output(out) for out in node.outputs):
                pending += node.inputs
                self._detach(node)

    def _detach(self, node: Node) -> None:
        node.inputs.clear()
        node.outputs.clear()
        self._erased.add(id(node))  # all are removed at once, since each search takes linear time
        self._provenance.pop(node.name, None)

    def bypass(self, node: Node, source: Tensor) -> None:
        """Connect the users of `node` to `source` instead, and erase it."""
        self.replace_uses(node.outputs[0], source)
        self.erase(node)

    def _move_output(self, old: Tensor, new: Tensor) -> None:
        """Make `new` the graph output that `old` was, under the same name."""
        if new.inputs and not self.is_output(new):
            index = next(i for i, out in enumerate(self._graph.outputs) if out is old)
            name, old.name = old.name, self.fresh(f"{old.name}_before")
            new.name, new.shape, new.dtype = name, old.shape, old.dtype
            self._graph.outputs[index] = new
            self._ends = None
        else:  # a graph input, a constant or another output: only a node can give it a second name
            producer = self.producer(old)
            if producer is not None:
                producer.outputs.clear()
            self._graph.nodes.append(gs.Node("Identity", self.fresh(f"{old.name}_identity"), {}, [new], [old]))

    def cleanup(self) -> None:
        """Remove the nodes without users."""
        self._drop_erased()
        self._graph.cleanup()
        self._sort()
