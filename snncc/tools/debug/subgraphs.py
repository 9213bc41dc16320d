# SPDX-License-Identifier: Apache-2.0
"""Extract parts of a model as models: nodes cut out or bypassed, outputs dropped, weights turned into inputs.

Tensors that a part reads and does not compute become its inputs, with the type and shape from shape inference.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence

import onnx
from onnx import helper

from snncc.io.large_models import outline
from snncc.ir.scopes import captured, inner_graphs, reads, writes

__all__ = ["SubgraphExtractor"]

_INFERENCE_ERRORS = (onnx.shape_inference.InferenceError, RuntimeError, ValueError)


class SubgraphExtractor:
    """Extract parts of `model` as new models; None if a part is not a valid model."""

    def __init__(self, model: onnx.ModelProto) -> None:
        self._model = model
        self._weights = {t.name for t in model.graph.initializer} | {
            s.values.name for s in model.graph.sparse_initializer
        }
        graph = _inferred(model).graph
        known = (*graph.value_info, *graph.output, *graph.input)
        weights = (helper.make_tensor_value_info(t.name, t.data_type, t.dims) for t in model.graph.initializer)
        self._types = {v.name: v for v in weights} | {v.name: v for v in known if v.type.WhichOneof("value")}

    def cut(
        self, nodes: Sequence[onnx.NodeProto], outputs: Collection[str] | None = None, inputs: Collection[str] = ()
    ) -> onnx.ModelProto | None:
        """The model of `nodes` alone, which are in topological order.

        Args:
            nodes: Nodes of the model, or changed copies of some.
            outputs: What it puts out; nodes that do not lead there go, too. None: all that the model itself puts out,
                and what no other node reads.
            inputs: Weights that become inputs.
        """
        if outputs is not None:
            nodes = _leading_to(nodes, outputs)
        made = {name for n in nodes for name in writes(n)}
        read = {name for n in nodes for name in reads(n)}
        own = [v.name for v in self._model.graph.output if v.name in made]
        loose = [name for n in nodes for name in writes(n) if name not in read | set(own)]
        left = [*own, *loose] if outputs is None else [name for name in outputs if name in made]
        given = list(dict.fromkeys(name for n in nodes for name in reads(n) if name not in made))
        given = [name for name in given if name not in self._weights or name in inputs]
        if not left or not all(name in self._types for name in (*given, *left)):
            return None
        return self._assembled(nodes, given, left, (read & self._weights) - set(inputs))

    def bypass(
        self, nodes: Sequence[onnx.NodeProto], dropped: Collection[int], choice: int = 0
    ) -> list[onnx.NodeProto] | None:
        """`nodes` without those at the positions `dropped`: their users read one of their inputs instead.

        Of each, an input that is computed and has the type and shape of its output: the first one, or at `choice` -1
        the last.
        """
        instead: dict[str, str] = {}
        kept = []
        for place, node in enumerate(nodes):
            copy = onnx.NodeProto()
            copy.CopyFrom(node)
            copy.input[:] = [instead.get(name, name) for name in node.input]
            if place not in dropped:
                if any(name in instead for name in captured(node)):
                    return None  # a graph inside the node reads it
                kept.append(copy)
                continue
            for output in writes(node):
                sources = [name for name in copy.input if self._alike(name, output)]
                if not sources:
                    return None
                instead[output] = sources[choice]
        return kept

    def large_weights(self, nodes: Iterable[onnx.NodeProto], least: int) -> list[str]:
        """The weights of `nodes` with at least `least` bytes."""
        read = {name for n in nodes for name in reads(n)}
        return [t.name for t in self._model.graph.initializer if t.name in read and t.ByteSize() >= least]

    def _alike(self, first: str, second: str) -> bool:
        """Whether both are computed, and of the same type and shape."""
        if first in self._weights or first not in self._types or second not in self._types:
            return False
        return bool(self._types[first].type == self._types[second].type)

    def _assembled(
        self, nodes: Sequence[onnx.NodeProto], given: Sequence[str], left: Sequence[str], weights: Collection[str]
    ) -> onnx.ModelProto:
        part = onnx.ModelProto()
        for field in ("ir_version", "producer_name", "producer_version", "domain"):
            setattr(part, field, getattr(self._model, field))
        part.graph.name = self._model.graph.name
        part.graph.node.extend(nodes)
        old = self._model.ir_version < 4  # whose weights are listed among the inputs
        listed = [v.name for v in self._model.graph.input if v.name in weights] if old else []
        part.graph.input.extend(self._types[name] for name in (*given, *listed))
        part.graph.output.extend(self._types[name] for name in left)
        part.graph.initializer.extend(t for t in self._model.graph.initializer if t.name in weights)
        sparse = (s for s in self._model.graph.sparse_initializer if s.values.name in weights)
        part.graph.sparse_initializer.extend(sparse)
        part.functions.extend(_functions(self._model, nodes))
        used = {n.domain for n in _nodes_within([*nodes, *(n for f in part.functions for n in f.node)])}
        part.opset_import.extend(o for o in self._model.opset_import if o.domain in used | {"", "ai.onnx"})
        part.metadata_props.extend(self._model.metadata_props)
        return part


def _leading_to(nodes: Sequence[onnx.NodeProto], outputs: Collection[str]) -> list[onnx.NodeProto]:
    wanted, kept = set(outputs), []
    for node in reversed(nodes):
        if not wanted.isdisjoint(writes(node)):
            wanted.update(reads(node))
            kept.append(node)
    return kept[::-1]


def _nodes_within(nodes: Iterable[onnx.NodeProto]) -> Iterator[onnx.NodeProto]:
    for node in nodes:
        yield node
        for graph in inner_graphs(node):
            yield from _nodes_within(graph.node)


def _functions(model: onnx.ModelProto, nodes: Iterable[onnx.NodeProto]) -> list[onnx.FunctionProto]:
    """The local functions that `nodes` call, and those that these call."""
    wanted: set[tuple[str, str]] = set()
    pending = list(nodes)
    while pending:
        called = {(n.domain, n.op_type) for n in _nodes_within(pending)} - wanted
        wanted |= called
        pending = [n for f in model.functions if (f.domain, f.name) in called for n in f.node]
    return [f for f in model.functions if (f.domain, f.name) in wanted]


def _inferred(model: onnx.ModelProto) -> onnx.ModelProto:
    """`model` with the types and shapes of its tensors, as far as they can be inferred; weights may be missing."""
    sketch = outline(model)
    try:
        return onnx.shape_inference.infer_shapes(sketch, data_prop=True)
    except _INFERENCE_ERRORS:
        return sketch
