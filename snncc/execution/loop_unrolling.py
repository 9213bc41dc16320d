# SPDX-License-Identifier: Apache-2.0
"""From a network that runs its time steps in a Loop to the same network with all of them stacked on the batch axis.

The ops over time do the same arithmetic for one step per call or for all of them, so that the loop's body, told to do
all steps at once, is the folded network; constant currents, which the loop reads from outside, are repeated for it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import onnx
from onnx import helper, numpy_helper

from snncc.errors import ModelError
from snncc.io.large_models import outline
from snncc.ir.metadata import metadata_of
from snncc.ir.nodes import all_nodes
from snncc.ir.proto_builder import Builder
from snncc.ir.scopes import reads, writes
from snncc.ops import DOMAIN, get
from snncc.ops.temporal_sums import READOUT
from snncc.storage.mapped import array_of

__all__ = ["to_folded"]

_WAY_OUT = "Convert it once more with --form folded, which has the same spikes, and give that."


def to_folded(model: onnx.ModelProto) -> onnx.ModelProto:
    """The folded form of `model`, which may be `model` itself.

    Raises:
        ModelError: the model does single steps, or its loop steps through the phases of values; both have a folded
            form that only a conversion can give.
    """
    ours = [n for n in all_nodes(model.graph) if n.domain == DOMAIN]
    values = [n for n in ours if not get(n.op_type).stacks and get(n.op_type).states and n.op_type != READOUT.name]
    if values or _form(model) == "step":
        kind = "a single time step" if _form(model) == "step" else "a loop over the phases of values"
        raise ModelError(f"the model is {kind}, whose spikes are not counted. {_WAY_OUT}")
    loops = [n for n in model.graph.node if n.op_type == "Loop" and _holds_neurons(n)]
    return _flat(model, loops[0]) if loops else model


def _form(model: onnx.ModelProto) -> str:
    try:
        form = metadata_of(model).get("snncc.form")
    except ModelError:
        return ""
    return str(form.get("form")) if isinstance(form, dict) else ""


def _holds_neurons(node: onnx.NodeProto) -> bool:
    return any(n.domain == DOMAIN for n in all_nodes(node.attribute[0].g))


def _flat(model: onnx.ModelProto, loop: onnx.NodeProto) -> onnx.ModelProto:
    """The body, told to do all steps, in place of `loop`."""
    body = next(a.g for a in loop.attribute if a.name == "body")
    flat = onnx.ModelProto()
    flat.CopyFrom(model)
    graph = flat.graph
    del graph.node[:], graph.value_info[:]
    graph.initializer.extend(body.initializer)
    at = list(model.graph.node).index(loop)
    before, after = _copies(model.graph.node[:at]), _copies(model.graph.node[at + 1 :])
    read = {name for n in after for name in reads(n)} | {v.name for v in graph.output}
    results = [v.name for v, name in zip(body.output[1:], loop.output, strict=True) if name in read]
    inner = _copies(_needed(body.node, results))
    turns = next(w for w in graph.initializer if w.name == loop.input[0])
    steps = int(array_of(turns)) * next(_attribute(n).i for n in inner if _over_time(n))
    renamed = dict(zip((v.name for v in body.input[2:]), loop.input[2:], strict=True))
    renamed |= dict(zip((v.name for v in body.output[1:]), loop.output, strict=True))
    tiles = _repeated(model, before, inner, steps, graph)
    renamed |= {tile.input[0]: tile.output[0] for tile in tiles}
    for node in inner:
        for names in (node.input, node.output):
            names[:] = [renamed.get(name, name) for name in names]
        if _over_time(node):
            _attribute(node).i = steps
    graph.node.extend([*before, *tiles, *inner, *after])
    used = {name for n in graph.node for name in reads(n)}
    weights = [w for w in graph.initializer if w.name in used]
    del graph.initializer[:]
    graph.initializer.extend(weights)
    return flat


def _copies(nodes: Iterable[onnx.NodeProto]) -> list[onnx.NodeProto]:
    copies = []
    for node in nodes:
        copies.append(onnx.NodeProto())
        copies[-1].CopyFrom(node)
    return copies


def _over_time(node: onnx.NodeProto) -> bool:
    return node.domain == DOMAIN and bool(get(node.op_type).stacks or get(node.op_type).states)


def _attribute(node: onnx.NodeProto) -> onnx.AttributeProto:
    """How many steps an op over time does."""
    found: onnx.AttributeProto = next(a for a in node.attribute if a.name == "steps")
    return found


def _needed(nodes: Sequence[onnx.NodeProto], results: Iterable[str]) -> list[onnx.NodeProto]:
    """The nodes that work towards a result; what counts the turns of the loop is not among them."""
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
    makers: dict[str, onnx.NodeProto | None] = {v.name: None for v in model.graph.input}
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
        axis = int(times.argmax())  # of the batch; not 0 beside recurrent layers
        repeats = np.array([steps if a == axis else 1 for a in range(ranks[name])], np.int64)
        tile.input[1] = build.fresh(f"{name}_unrolled_steps")
        graph.initializer.append(numpy_helper.from_array(repeats, tile.input[1]))
    return tiles
