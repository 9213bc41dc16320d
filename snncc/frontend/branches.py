# SPDX-License-Identifier: Apache-2.0
"""Inline If branches that shapes and constants select; reject all other If, Loop and Scan nodes.

A branch reads outer tensors by name, so that its nodes can replace the If. Remaining If, Loop and Scan nodes must
compute integers from integers: selections and loops over activations cannot be part of a spiking network.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Iterator, Mapping

import onnx
from onnx import helper

from snncc.frontend.known_values import KnownValues, with_shapes
from snncc.frontend.legality import refuse_nodes
from snncc.ir.op_sets import RECURRENT, SHAPE_OPS
from snncc.ir.proto_builder import Builder
from snncc.ir.scopes import inner_graphs, names_of, reads, writes

__all__ = ["refuse_branches", "without_branches"]

_INTEGERS = frozenset(
    [onnx.TensorProto.BOOL, *(getattr(onnx.TensorProto, f"{s}INT{b}") for s in ("", "U") for b in (8, 16, 32, 64))]
)
_CURVES = "Celu Clip Elu Gelu HardSigmoid HardSwish LeakyRelu Mish PRelu Relu Selu Sigmoid Softplus Swish Tanh"
_ACTIVATIONS = RECURRENT | {*_CURVES.split(), "ThresholdedRelu"}
_CONDITIONS = {"then_branch": True, "else_branch": False}


def without_branches(model: onnx.ModelProto) -> onnx.ModelProto:
    """`model`, changed, with each If of known condition replaced by the selected branch."""
    while any(n.op_type == "If" for n in model.graph.node):
        known = KnownValues(with_shapes(model))
        decided = {}
        for place, node in enumerate(model.graph.node):
            value = known.of(node.input[0]) if node.op_type == "If" else None
            if value is not None and value.size == 1 and value.item() is not None:
                decided[place] = bool(value.item())
        if not decided:
            break
        _put_in_place(model, decided)
    return model


def refuse_branches(model: onnx.ModelProto, name: str) -> None:
    """Raise UnsupportedOpError with all nodes that select among activations or loop over them."""
    graphs = [n for n in model.graph.node if any(inner_graphs(n))]
    if not graphs:
        return
    inferred = with_shapes(model).graph
    given = (*inferred.input, *inferred.value_info, *inferred.output)
    kinds = {v.name: v.type.tensor_type.elem_type for v in given} | {w.name: w.data_type for w in inferred.initializer}
    reasons: dict[str, list[str]] = {}
    for node in graphs:
        active = [f"{n.op_type} '{n.name or n.output[0]}'" for n in _within(node) if n.op_type in _ACTIVATIONS]
        if active or not all(kinds.get(t) in _INTEGERS for t in (*reads(node), *writes(node))):
            holds = f", and holds {', '.join(active[:3])}{' and more' if len(active) > 3 else ''}" if active else ""
            reasons.setdefault(f"{node.op_type}: {_reason(model, node)}{holds}", []).append(node.name or node.output[0])
    refuse_nodes(name, reasons)


def _reason(model: onnx.ModelProto, node: onnx.NodeProto) -> str:
    """The unsupported reason of a node with subgraphs."""
    if node.op_type != "If":
        return "it works on activations in a graph of its own"
    makers = {out: n for n in model.graph.node for out in writes(n)}
    seen: set[str] = set()
    asked: dict[str, None] = {}
    pending = [node.input[0]]
    while pending:
        name = pending.pop()
        maker = makers.get(name)
        if name in seen:
            continue
        seen.add(name)
        if maker is not None and maker.op_type in SHAPE_OPS:
            asked[f"the size of '{maker.input[0]}'"] = None
        elif maker is not None:
            pending += reads(maker)
        elif any(name == value.name for value in model.graph.input):
            asked[f"the values of '{name}'"] = None
    return f"its condition depends on {' and '.join(sorted(asked)) or 'what is not known'}"


def _within(node: onnx.NodeProto) -> Iterator[onnx.NodeProto]:
    for graph in inner_graphs(node):
        for inner in graph.node:
            yield inner
            yield from _within(inner)


def _put_in_place(model: onnx.ModelProto, decided: Mapping[int, bool]) -> None:
    """Replace Ifs by the nodes of branches; `decided` has the conditions, by the position of the If."""
    build, everywhere = Builder(model), Counter(names_of(model.graph))
    kept: list[onnx.NodeProto] = []
    for place, node in enumerate(list(model.graph.node)):
        if place not in decided:
            kept.append(node)
            continue
        branch = next(a.g for a in node.attribute if _CONDITIONS.get(a.name) == decided[place])
        within = Counter(name for inner in inner_graphs(node) for name in names_of(inner))
        shared = {name for name, count in within.items() if everywhere[name] > count}
        names = _new_names(node, branch, shared, build)
        _keep_weights(model.graph, branch, names)
        kept += [_renamed(inner, names) for inner in branch.node]
        kept += _second_names(node, branch, names)
    del model.graph.node[:]
    model.graph.node.extend(kept)


def _new_names(node: onnx.NodeProto, branch: onnx.GraphProto, shared: Container[str], build: Builder) -> dict[str, str]:
    """The outer names of the tensors of `branch`: results are named as those of the If, those `shared`
    get new names.
    """
    made = [name for inner in branch.node for name in writes(inner)]
    results = zip((value.name for value in branch.output), node.output, strict=True)
    names: dict[str, str] = {}
    for inside, outside in results:
        if outside and inside in made:
            names.setdefault(inside, outside)
    stored = [*(t.name for t in branch.initializer), *(t.values.name for t in branch.sparse_initializer)]
    for name in (*made, *stored):
        if name not in names:
            names[name] = build.fresh(f"{name}_of_branch") if name in shared else name
    return names


def _second_names(node: onnx.NodeProto, branch: onnx.GraphProto, names: Mapping[str, str]) -> Iterator[onnx.NodeProto]:
    """Identities for results that have another name already: a weight, a tensor from outside, the same one twice."""
    for value, outside in zip(branch.output, node.output, strict=True):
        given = names.get(value.name, value.name)
        if outside and given != outside:
            yield helper.make_node("Identity", [given], [outside], name=outside)


def _keep_weights(graph: onnx.GraphProto, branch: onnx.GraphProto, names: Mapping[str, str]) -> None:
    for weight in branch.initializer:
        graph.initializer.add().CopyFrom(weight)
        graph.initializer[-1].name = names[weight.name]
    for sparse in branch.sparse_initializer:
        graph.sparse_initializer.add().CopyFrom(sparse)
        graph.sparse_initializer[-1].values.name = names[sparse.values.name]


def _renamed(node: onnx.NodeProto, names: Mapping[str, str]) -> onnx.NodeProto:
    """A copy of `node` with other names for tensors, in graphs inside it too."""
    copy = onnx.NodeProto()
    copy.CopyFrom(node)
    for each in (copy.input, copy.output):
        each[:] = [names.get(name, name) for name in each]
    for graph in inner_graphs(copy):
        own = {v.name for v in (*graph.input, *graph.initializer)} | {t for n in graph.node for t in n.output}
        outer = {name: new for name, new in names.items() if name not in own}
        inner = [_renamed(n, outer) for n in graph.node]
        del graph.node[:]
        graph.node.extend(inner)
        for value in graph.output:
            value.name = outer.get(value.name, value.name)
    return copy
