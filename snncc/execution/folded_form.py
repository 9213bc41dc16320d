# SPDX-License-Identifier: Apache-2.0
"""Convert a network that runs time steps one by one to one with all steps stacked on the batch axis.

The ops over time do the same arithmetic for one step per call as for all of them. The body of a loop, or the
single-step network, is therefore the folded network if its ops run all steps at once; constant currents are repeated
for it. Neurons that send one value step by step are replaced by those that send it at once.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper

from snncc.coding.from_metadata import recorded_coding
from snncc.coding.metadata_schema import sound_entry
from snncc.errors import ModelError
from snncc.io.large_models import outline
from snncc.ir.function_bodies import attach_bodies
from snncc.ir.nodes import all_nodes, attributes_of
from snncc.ir.proto_builder import Builder
from snncc.ir.scopes import reads, writes
from snncc.ops import DOMAIN, all_ops, get
from snncc.ops.registry import OpDef
from snncc.storage.mapped import array_of

__all__ = ["to_folded"]


@dataclass
class _Parts:
    """A network around its time steps: the nodes before, within and after them, and how many steps there are."""

    before: list[onnx.NodeProto]
    inner: list[onnx.NodeProto]
    after: list[onnx.NodeProto]
    steps: int


def to_folded(model: onnx.ModelProto) -> onnx.ModelProto:
    """The folded form of `model`, which may be `model` itself.

    Raises:
        ModelError: layers fire before their input is complete; that folded form takes a conversion.
    """
    form = sound_entry(model, "snncc.form")
    single = form.get("form") == "step"
    loop = next((n for n in model.graph.node if n.op_type == "Loop" and _holds_neurons(n)), None)
    if not single and loop is None:
        return model
    if _fires_early(model):
        message = "layers fire before their input is complete, and in single steps their spikes are not counted"
        raise ModelError(f"{message}. Convert it with --form folded, which has the same spikes, and give that.")
    flat = onnx.ModelProto()
    flat.CopyFrom(model)
    del flat.graph.node[:], flat.graph.value_info[:]
    parts = _of_step(flat, model, form) if single or loop is None else _of_loop(flat, model, loop)
    _stack(flat, model, parts)
    del flat.functions[:]
    attach_bodies(flat)
    entry = next((p for p in flat.metadata_props if p.key == "snncc.form"), None)
    if entry is not None:
        entry.value = json.dumps({"form": "folded", "steps": parts.steps})
    return flat


def _holds_neurons(node: onnx.NodeProto) -> bool:
    return any(n.domain == DOMAIN for n in all_nodes(node.attribute[0].g))


def _at_once(node: onnx.NodeProto) -> OpDef | None:
    """The op that does all steps of a value, of which `node` does one; None for other nodes.

    Of several it is the most special one, so that neurons whose tables differ in length stay different ops.
    """
    if node.domain != DOMAIN:
        return None
    found = [op for op in all_ops() if op.single_step == node.op_type]
    return min((op for op in found if _is_step_of(node, op)), key=lambda op: len(op.attributes), default=None)


def _is_step_of(node: onnx.NodeProto, op: OpDef) -> bool:
    """Whether `node` does one step of `op` with the same inputs and attributes."""
    given = attributes_of(node)
    own = {a.name: given[a.name] for a in op.attributes if a.name in given}
    names = [p.name for p in op.inputs]
    same = [p.name for p in get(node.op_type).inputs][: len(names)] == names
    return same and len(own) == len(op.attributes) and {**given, **op.step_attributes(own)} == given


def _fires_early(model: onnx.ModelProto) -> bool:
    """Whether neurons do single steps of values that the folded form divides into slices."""
    coding = recorded_coding(model)
    return coding is not None and coding.slices > 1 and any(map(_at_once, all_nodes(model.graph)))


def _of_step(flat: onnx.ModelProto, model: onnx.ModelProto, form: Mapping[str, Any]) -> _Parts:
    """Replace the states of a single-step network by their initial values, and remove their outputs."""
    graph = flat.graph
    given: set[str] = set()
    left: set[str] = set()
    for state in form["states"]:
        given.add(state["input"])
        left.add(state["output"])
        start = np.full([1] * len(state["shape"] or [1]), state["initial"], np.dtype(state["dtype"]))
        graph.initializer.append(numpy_helper.from_array(start, state["input"]))
    for values, gone in ((graph.input, given), (graph.output, left)):
        kept = [v for v in values if v.name not in gone]
        del values[:]
        values.extend(kept)
    before: list[onnx.NodeProto] = []
    inner: list[onnx.NodeProto] = []
    moving = set(given)
    for node in _needed(model.graph.node, [v.name for v in graph.output]):
        moves = not moving.isdisjoint(reads(node))
        moving.update(writes(node) if moves else ())
        (inner if moves else before).append(node)
    return _Parts(_copies(before), _copies(inner), [], int(form["steps"]))


def _of_loop(flat: onnx.ModelProto, model: onnx.ModelProto, loop: onnx.NodeProto) -> _Parts:
    """Replace a loop by its body, with the names of the outer graph."""
    body = next(a.g for a in loop.attribute if a.name == "body")
    graph = flat.graph
    graph.initializer.extend(body.initializer)
    at = list(model.graph.node).index(loop)
    before, after = _copies(model.graph.node[:at]), _copies(model.graph.node[at + 1 :])
    read = {name for n in after for name in reads(n)} | {v.name for v in graph.output}
    results = [v.name for v, name in zip(body.output[1:], loop.output, strict=True) if name in read]
    inner = _copies(_needed(body.node, results))
    turns = int(array_of(next(w for w in graph.initializer if w.name == loop.input[0])))
    chunk = next((found.i for n in inner if (found := _attribute(n))), 1)
    renamed = dict(zip((v.name for v in body.input[2:]), loop.input[2:], strict=True))
    renamed |= dict(zip((v.name for v in body.output[1:]), loop.output, strict=True))
    _rename(inner, renamed)
    return _Parts(before, inner, after, turns * chunk)


def _stack(flat: onnx.ModelProto, model: onnx.ModelProto, parts: _Parts) -> None:
    """Join the parts, with all steps in one pass."""
    graph, tiles = flat.graph, []
    if any(_attribute(n) for n in parts.inner):
        tiles = _repeated(model, parts.before, parts.inner, parts.steps, graph)
    _rename(parts.inner, {tile.input[0]: tile.output[0] for tile in tiles})
    for node in parts.inner:
        if op := _at_once(node):
            _do_at_once(node, op)
        elif steps := _attribute(node):
            steps.i = parts.steps
    graph.node.extend([*parts.before, *tiles, *parts.inner, *parts.after])
    used = {name for n in graph.node for name in reads(n)}
    weights = [w for w in graph.initializer if w.name in used]
    del graph.initializer[:]
    graph.initializer.extend(weights)


def _do_at_once(node: onnx.NodeProto, op: OpDef) -> None:
    """Replace a neuron that does one step of a value by `op`, which does them all."""
    known = {a.name for a in op.attributes}
    kept = [a for a in node.attribute if a.name in known]
    outputs = [node.output[0], *[""] * (len(op.outputs) - 1)]  # without which onnxruntime cannot expand the body
    whole = helper.make_node(op.name, node.input[: len(op.inputs)], outputs, node.name, domain=DOMAIN)
    whole.attribute.extend(kept)
    node.CopyFrom(whole)


def _rename(nodes: Iterable[onnx.NodeProto], names: Mapping[str, str]) -> None:
    for node in nodes:
        for tensors in (node.input, node.output):
            tensors[:] = [names.get(name, name) for name in tensors]


def _copies(nodes: Iterable[onnx.NodeProto]) -> list[onnx.NodeProto]:
    copies = []
    for node in nodes:
        copies.append(onnx.NodeProto())
        copies[-1].CopyFrom(node)
    return copies


def _attribute(node: onnx.NodeProto) -> onnx.AttributeProto | None:
    """How many steps an op over time does; None for other nodes."""
    over_time = node.domain == DOMAIN and (get(node.op_type).stacks or get(node.op_type).states)
    return next((a for a in node.attribute if over_time and a.name == "steps"), None)


def _needed(nodes: Sequence[onnx.NodeProto], results: Iterable[str]) -> list[onnx.NodeProto]:
    """The nodes that contribute to a result, without the loop counter."""
    wanted, kept = set(results), []
    for node in reversed(nodes):
        if not wanted.isdisjoint(writes(node)):
            wanted.update(reads(node))
            kept.append(node)
    return kept[::-1]


def _repeated(
    model: onnx.ModelProto,
    before: Sequence[onnx.NodeProto],
    inner: Sequence[onnx.NodeProto],
    steps: int,
    graph: onnx.GraphProto,
) -> list[onnx.NodeProto]:
    """Repeats, for all steps, of the constant currents that the loop reads from outside, where it has none yet."""
    makers: dict[str, onnx.NodeProto | None] = {v.name: None for v in graph.input}
    for node in before:
        if not makers.keys().isdisjoint(reads(node)):  # else it works on weights
            makers |= dict.fromkeys(writes(node), node)
    inferred = onnx.shape_inference.infer_shapes(outline(model)).graph
    ranks = {v.name: len(v.type.tensor_type.shape.dim) for v in (*inferred.input, *inferred.value_info)}
    tiles = []
    build = Builder(model)
    for name in dict.fromkeys(name for n in inner for name in reads(n) if name in makers):
        maker = makers[name]
        tile = maker if maker is not None and maker.op_type == "Tile" else None
        if tile is None:
            unrolled = build.fresh(f"{name}_unrolled")
            tile = helper.make_node("Tile", [name, ""], [unrolled], name=unrolled)
            tiles.append(tile)
        times = next((array_of(w) for w in graph.initializer if w.name == tile.input[1]), np.ones(1))
        axis = int(times.argmax())  # of the batch; not 0 with recurrent layers
        repeats = np.array([steps if a == axis else 1 for a in range(ranks[name])], np.int64)
        tile.input[1] = build.fresh(f"{name}_unrolled_steps")
        graph.initializer.append(numpy_helper.from_array(repeats, tile.input[1]))
    return tiles
