# SPDX-License-Identifier: Apache-2.0
"""Wrap a network of some time steps in an ONNX Loop, with its states as loop-carried values.

Nodes that depend on the input alone run once, before the loop; nodes after the readout run once, after it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from snncc.analysis.time_axis import READERS
from snncc.ir.proto_builder import Builder
from snncc.ir.scopes import reads, writes
from snncc.passes.time.to_single_steps import State

__all__ = ["loop_model"]

Nodes = list[onnx.NodeProto]


def loop_model(model: onnx.ModelProto, states: Sequence[State], turns: int) -> onnx.ModelProto:
    """Run `model`, a network of some steps with `states` as inputs and outputs, `turns` times in a Loop.

    Its own outputs are those of the last turn.
    """
    inner, before, after = _split(model, states)
    outer = onnx.ModelProto()
    outer.CopyFrom(model)
    graph = outer.graph
    del graph.node[:], graph.value_info[:]
    remembered, left = {s.input for s in states}, {s.output for s in states}
    kept = [v for v in graph.input if v.name not in remembered]
    outputs = [v for v in graph.output if v.name not in left]
    del graph.input[:], graph.output[:]
    graph.input.extend(kept)
    graph.output.extend(outputs)
    read = _crossing(inner, after, [v.name for v in outputs])
    weights = {w.name: w for w in model.graph.initializer}
    build = Builder(model)
    inside = {name: build.fresh(f"{name}_in_turn") for name in read}  # outside they keep their own names
    body = _body([_renamed(n, inside) for n in inner], states, inside, weights, build)
    _keep_weights(graph, [*before, *after])
    graph.node.extend(before)
    graph.node.extend(_loop(body, states, read, turns, graph, _ranks(model), build))
    graph.node.extend(after)
    return outer


def _split(model: onnx.ModelProto, states: Sequence[State]) -> tuple[Nodes, Nodes, Nodes]:
    """(Nodes of the loop, nodes before it, nodes after it)."""
    timed, remembered = {s.input for s in states}, {s.output for s in states}
    before: Nodes = []
    rest: Nodes = []
    for node in model.graph.node:
        moving = any(name in timed for name in reads(node))
        (rest if moving else before).append(node)
        if moving:
            timed.update(writes(node))
    needed = set(remembered)
    inner: Nodes = []
    readouts = {n.output[0] for n in rest if n.op_type in READERS}
    for node in reversed(rest):
        reaches = any(name in needed for name in writes(node))
        if reaches or not readouts or any(name in readouts for name in writes(node)):
            inner.append(node)
            needed.update(reads(node))
    chosen = {id(n) for n in inner}
    return [n for n in rest if id(n) in chosen], before, [n for n in rest if id(n) not in chosen]


def _crossing(inner: Nodes, after: Nodes, outputs: Iterable[str]) -> list[str]:
    """The tensors that the loop computes and nodes outside of it read."""
    wanted = {name for n in after for name in reads(n)} | set(outputs)
    return [name for n in inner for name in writes(n) if name in wanted]


def _body(
    inner: Nodes,
    states: Sequence[State],
    inside: Mapping[str, str],
    weights: Mapping[str, onnx.TensorProto],
    build: Builder,
) -> onnx.GraphProto:
    """One iteration: (turn, go, *states, *results) -> (go, *states, *results); results are those of the
    last iteration.
    """
    go, go_on = build.fresh("go"), build.fresh("go_on")
    inputs = [helper.make_tensor_value_info(build.fresh("turn"), TensorProto.INT64, [])]
    inputs += [helper.make_tensor_value_info(go, TensorProto.BOOL, [])]
    inputs += [_untyped(s.input) for s in states] + [_untyped(build.fresh(f"{name}_before_turn")) for name in inside]
    outputs = [_untyped(go_on), *(_untyped(s.output) for s in states), *map(_untyped, inside.values())]
    nodes = [helper.make_node("Identity", [go], [go_on], name=go_on), *inner]
    used = sorted({name for n in inner for name in reads(n) if name in weights})
    return helper.make_graph(nodes, "steps", inputs, outputs, [weights[name] for name in used])


def _renamed(node: onnx.NodeProto, inside: Mapping[str, str]) -> onnx.NodeProto:
    renamed = onnx.NodeProto()
    renamed.CopyFrom(node)
    for names in (renamed.input, renamed.output):
        names[:] = [inside.get(name, name) for name in names]
    return renamed


def _untyped(name: str) -> onnx.ValueInfoProto:
    value = onnx.ValueInfoProto()
    value.name = name
    return value


def _keep_weights(graph: onnx.GraphProto, nodes: Nodes) -> None:
    """Drop the weights that have moved into the loop."""
    used = {name for n in nodes for name in reads(n)}
    kept = [w for w in graph.initializer if w.name in used]
    del graph.initializer[:]
    graph.initializer.extend(kept)


def _loop(
    body: onnx.GraphProto,
    states: Sequence[State],
    read: Sequence[str],
    turns: int,
    graph: onnx.GraphProto,
    kinds: dict[str, tuple[int, int]],
    build: Builder,
) -> Nodes:
    """The Loop and the constants that it starts from; states start as one element each, whatever the batch."""

    def constant(name: str, value: np.ndarray) -> str:
        name = build.fresh(name)
        graph.initializer.append(numpy_helper.from_array(value, name))
        return name

    starts = []
    for state in states:
        rank = 1 if state.shape is None else len(state.shape)
        start = np.full([1] * rank, state.initial, np.dtype(state.dtype))
        starts.append(constant(f"{state.input}_start", start))
    for name in read:
        kind, rank = kinds[name]
        starts.append(constant(f"{name}_start", np.zeros([1] * rank, helper.tensor_dtype_to_np_dtype(kind))))
    trips, go = constant("turns", np.array(turns, np.int64)), constant("go_first", np.array(True))
    ends = [build.fresh(f"{s.output}_last") for s in states]
    return [helper.make_node("Loop", [trips, go, *starts], [*ends, *read], name=build.fresh("over_time"), body=body)]


def _ranks(model: onnx.ModelProto) -> dict[str, tuple[int, int]]:
    """(Element type, rank) of every tensor that has them."""
    known = [*model.graph.value_info, *model.graph.output]
    return {v.name: (v.type.tensor_type.elem_type, len(v.type.tensor_type.shape.dim)) for v in known}
