# SPDX-License-Identifier: Apache-2.0
"""Runs a network piece by piece, from what is known of it: later pieces see what became of the earlier ones."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import helper

from snncc import ops
from snncc.export import attach_bodies
from snncc.graph import Graph, Node
from snncc.scopes import reads, writes
from snncc.sessions import cpu_session

__all__ = ["Piecewise"]

Array = npt.NDArray[Any]
Runner = Callable[[Mapping[str, list[Array]]], Iterator[list[Array]]]


class Piecewise:
    """The tensors of a network that are known so far, by name: one array for each batch of samples.

    Args:
        graph: The network.
        data: Samples {input: [n, …]}.
        size: Samples per batch.
    """

    def __init__(self, graph: Graph, data: Mapping[str, Array], size: int) -> None:
        self._graph = graph
        self._model = graph.to_proto()
        self._producers = {out: n for n in self._model.graph.node for out in writes(n)}
        self._known = {name: [value[i : i + size] for i in range(0, len(value), size)] for name, value in data.items()}

    def values(self, wanted: str) -> list[Array]:
        """A tensor; what lies between it and the known tensors is run."""
        if wanted in self._known:
            return self._known[wanted]
        run = self.runner([wanted])
        return [found for (found,) in run({})]

    def runner(self, wanted: Sequence[str]) -> Runner:
        """Works tensors out from the known ones, batch by batch; it is given what shall stand in for some of these."""
        nodes, needed = self._between(wanted)
        part = onnx.ModelProto()
        part.CopyFrom(self._model)
        del part.graph.node[:], part.graph.input[:], part.graph.output[:], part.graph.value_info[:]
        part.graph.node.extend(n for n in self._model.graph.node if id(n) in nodes)
        known = {name: self._known[name] for name in sorted(needed)}
        for name, values in known.items():
            part.graph.input.append(_like(name, values[0]))
        attach_bodies(part)
        session = cpu_session(part, wanted)

        def run(instead: Mapping[str, list[Array]]) -> Iterator[list[Array]]:
            feeds = {name: instead.get(name, values) for name, values in known.items()}
            return (session.run(list(wanted), batch) for batch in _batches(feeds))

        return run

    def learn(self, name: str, values: list[Array]) -> None:
        """From now on the tensor is this."""
        self._known[name] = values

    def fire(self, node: Node, potential: list[Array]) -> list[Array]:
        """What a layer of neurons makes of `potential`; all else that it takes is constant."""
        names = [f"input_{i}" for i in range(len(node.inputs))]
        made = helper.make_node(node.op, names, ["y", *[""] * (len(node.outputs) - 1)], domain=ops.DOMAIN, **node.attrs)
        given = zip(names[1:], map(self._graph.value, node.inputs[1:]), strict=True)
        weights = [onnx.numpy_helper.from_array(value, name) for name, value in given if value is not None]
        graph = helper.make_graph(
            [made], "neuron", [_like(names[0], potential[0])], [_like("y", potential[0])], weights
        )
        opsets = [helper.make_opsetid("", self._graph.opset), helper.make_opsetid(ops.DOMAIN, ops.OPSET)]
        alone = helper.make_model(graph, opset_imports=opsets, ir_version=10)
        attach_bodies(alone)
        return self._each_batch(alone, "y", {names[0]: potential})

    def keep_for(self, wanted: Iterable[str]) -> None:
        """Forget all that is not needed to work out `wanted`."""
        needed = {name for tensor in wanted for name in self._between([tensor])[1]}
        self._known = {name: values for name, values in self._known.items() if name in needed}

    def _each_batch(self, model: onnx.ModelProto, wanted: str, feeds: Mapping[str, list[Array]]) -> list[Array]:
        session = cpu_session(model, [wanted])
        return [session.run([wanted], batch)[0] for batch in _batches(feeds)]

    def _between(self, wanted: Iterable[str]) -> tuple[set[int], set[str]]:
        """Nodes (by id) that lead from known tensors to those `wanted`, and those tensors."""
        nodes: set[int] = set()
        needed: set[str] = set()
        pending = [*wanted]
        while pending:
            name = pending.pop()
            if name in self._known:
                needed.add(name)
            elif name in self._producers and id(self._producers[name]) not in nodes:
                nodes.add(id(self._producers[name]))
                pending += reads(self._producers[name])
        return nodes, needed


def _like(name: str, value: Array) -> onnx.ValueInfoProto:
    kind = helper.np_dtype_to_tensor_dtype(np.dtype(value.dtype))
    return helper.make_tensor_value_info(name, kind, [None, *value.shape[1:]])


def _batches(feeds: Mapping[str, list[Array]]) -> Iterator[dict[str, Array]]:
    count = len(next(iter(feeds.values())))
    for index in range(count):
        yield {name: values[index] for name, values in feeds.items()}
