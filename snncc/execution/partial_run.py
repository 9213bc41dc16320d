# SPDX-License-Identifier: Apache-2.0
"""Run a network piece by piece from known tensors; later pieces use overridden values of earlier ones.

A piece consists of the nodes between known tensors and a wanted one, with the weights that these read and no others.
Known tensors are kept as long as they have pending users. Time and memory are therefore proportional to the depth of
the network.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

import numpy as np
import onnx
from onnx import helper

from snncc import ops
from snncc.analysis.cpu_session import cpu_session
from snncc.execution.lifetimes import Lifetimes
from snncc.ir.function_bodies import attach_bodies
from snncc.ir.graph import Graph, Node
from snncc.ir.scopes import reads
from snncc.ops.arrays import Array

__all__ = ["PartialRun"]

Runner = Callable[[Mapping[str, list[Array]]], Iterator[list[Array]]]

_LONG = 32  # nodes of a piece; outputs that later pieces read are kept


class PartialRun:
    """The known tensors of a network, by name: one array for each batch of samples.

    Args:
        graph: The network.
        data: Samples {input: [n, …]}.
        size: Samples per batch.
        wanted: Names of all tensors that will be requested, as often as each is released; tensors that
            none of them needs are dropped. None: no tensor is dropped.
    """

    def __init__(self, graph: Graph, data: Mapping[str, Array], size: int, wanted: Sequence[str] | None = None) -> None:
        self._graph = graph
        self._model = graph.to_proto()
        self._nodes = list(self._model.graph.node)
        self._weights = {t.name: t for t in self._model.graph.initializer}
        self._makers = {out: index for index, node in enumerate(self._nodes) for out in node.output if out}
        self._known = {name: [value[i : i + size] for i in range(0, len(value), size)] for name, value in data.items()}
        self._lifetimes = None if wanted is None else Lifetimes(self._nodes, self._known, wanted)

    def values(self, wanted: str) -> list[Array]:
        """The value of a tensor; runs the nodes between it and the known tensors."""
        if wanted in self._known:
            return self._known[wanted]
        nodes, needed = self._between([wanted])
        kept = self._read_later(nodes, wanted) if len(nodes) > _LONG else []
        found = list(self._runner([wanted, *kept], nodes, needed)({}))
        for place, name in enumerate(kept, 1):
            self.override(name, [values[place] for values in found])
        return [values[0] for values in found]

    def runner(self, wanted: Sequence[str]) -> Runner:
        """A function that computes tensors from the known ones, batch by batch, with optional overrides of known
        values.
        """
        return self._runner(wanted, *self._between(wanted))

    def override(self, name: str, values: list[Array]) -> None:
        """Replace the value of a tensor for all later computations."""
        self._known[name] = values
        if self._lifetimes is not None:
            self._forget(self._lifetimes.learn(name))

    def release(self, name: str) -> None:
        """Declare that the tensor is not needed again, or needed once less."""
        if self._lifetimes is not None:
            self._forget(self._lifetimes.release(name))

    def run_neuron(self, node: Node, potential: list[Array]) -> list[Array]:
        """Output of a layer of neurons for `potential`; its other inputs are constant."""
        names = [f"input_{i}" for i in range(len(node.inputs))]
        made = helper.make_node(node.op, names, ["y", *[""] * (len(node.outputs) - 1)], domain=ops.DOMAIN, **node.attrs)
        given = zip(names[1:], map(self._graph.value, node.inputs[1:]), strict=True)
        weights = [onnx.numpy_helper.from_array(value, name) for name, value in given if value is not None]
        graph = helper.make_graph([made], "neuron", [_like(names[0], potential)], [_like("y", potential)], weights)
        opsets = [helper.make_opsetid("", self._graph.opset), helper.make_opsetid(ops.DOMAIN, ops.OPSET)]
        alone = helper.make_model(graph, opset_imports=opsets, ir_version=10)
        attach_bodies(alone)
        session = cpu_session(alone, ["y"])
        return [session.run(["y"], batch)[0] for batch in _batches({names[0]: potential})]

    def _runner(self, wanted: Sequence[str], nodes: Sequence[int], needed: Iterable[str]) -> Runner:
        known = {name: self._known[name] for name in sorted(needed)}
        part = self._part(nodes)
        part.graph.input.extend(_like(name, values) for name, values in known.items())
        attach_bodies(part)
        session = cpu_session(part, wanted)

        def run(instead: Mapping[str, list[Array]]) -> Iterator[list[Array]]:
            feeds = {name: instead.get(name, values) for name, values in known.items()}
            return (session.run(list(wanted), batch) for batch in _batches(feeds))

        return run

    def _part(self, nodes: Sequence[int]) -> onnx.ModelProto:
        """A model of these nodes, in their order, with the weights that they read and no others."""
        part = onnx.ModelProto(ir_version=self._model.ir_version)
        part.opset_import.extend(self._model.opset_import)
        part.graph.name = self._model.graph.name
        part.graph.node.extend(self._nodes[index] for index in nodes)
        read = dict.fromkeys(name for index in nodes for name in reads(self._nodes[index]))
        part.graph.initializer.extend(self._weights[name] for name in read if name in self._weights)
        return part

    def _between(self, wanted: Iterable[str]) -> tuple[list[int], set[str]]:
        """Nodes, in their order, that lead from known tensors to those `wanted`, and those tensors."""
        nodes: set[int] = set()
        needed: set[str] = set()
        pending = [*wanted]
        while pending:
            name = pending.pop()
            if name in self._known:
                needed.add(name)
            elif name in self._makers and self._makers[name] not in nodes:
                nodes.add(self._makers[name])
                pending += reads(self._nodes[self._makers[name]])
        return sorted(nodes), needed

    def _read_later(self, nodes: Sequence[int], wanted: str) -> list[str]:
        """Outputs of these nodes that other nodes, which have not run yet, also read."""
        if self._lifetimes is None:
            return []
        here: dict[str, int] = {}
        for index in nodes:
            for name in dict.fromkeys(reads(self._nodes[index])):
                here[name] = here.get(name, 0) + 1
        computed = (out for index in nodes for out in self._nodes[index].output if out and out != wanted)
        return [name for name in computed if self._lifetimes.readers(name) > here.get(name, 0)]

    def _forget(self, names: Iterable[str]) -> None:
        for name in names:
            self._known.pop(name, None)


def _like(name: str, values: Sequence[Array]) -> onnx.ValueInfoProto:
    """An input for `values`; axis 0, and axes on which the values of batches differ, are open."""
    kind = helper.np_dtype_to_tensor_dtype(np.dtype(values[0].dtype))
    sizes = [set(axis) for axis in zip(*(v.shape for v in values), strict=True)]
    shape = [next(iter(found)) if place and len(found) == 1 else None for place, found in enumerate(sizes)]
    return helper.make_tensor_value_info(name, kind, shape)


def _batches(feeds: Mapping[str, list[Array]]) -> Iterator[dict[str, Array]]:
    count = len(next(iter(feeds.values())))
    for index in range(count):
        yield {name: values[index] for name, values in feeds.items()}
