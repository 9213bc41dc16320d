# SPDX-License-Identifier: Apache-2.0
"""Networks that stack time steps or value slices on the batch axis, and the same networks without stacking.

Stacks begin at ops that create them and where a constant current is repeated; they end at the readout of the output.
For one step all of that is taken out: what remains has the shapes of samples everywhere.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import onnx
from onnx import helper

from snncc.analysis.time_axis import READERS
from snncc.ir.op_sets import SHAPE_OPS
from snncc.ir.scopes import reads, writes
from snncc.ops import DOMAIN, all_ops, get

__all__ = ["TimeStacking", "fold_of", "gives_steps", "max_batch", "one_step"]

_ROWS = 256  # rows that a run should have at most
_BYTES = 2**27  # and that its largest tensor should take


@dataclass(frozen=True)
class TimeStacking:
    """The content of the rows of a network's tensors.

    Attributes:
        kind: time `steps` or `slices` of values, `count` of each sample; "": samples only.
        count: how many; 1 if there are none.
        tensors: those that hold them.
        repeated: the constant currents among them, which hold the same `count` times.
    """

    kind: str = ""
    count: int = 1
    tensors: frozenset[str] = frozenset()
    repeated: frozenset[str] = frozenset()

    def kind_of(self, tensor: str) -> str:
        """The content of the rows of `tensor`."""
        return self.kind if tensor in self.tensors else ""


def fold_of(model: onnx.ModelProto) -> TimeStacking:
    """The content of the rows of the tensors of `model`; nodes are in topological order."""
    begin = [(get(n.op_type).stacks, _count(n)) for n in model.graph.node if _begins(n)]
    if not begin:
        return TimeStacking()
    kind, count = begin[0]
    ends = {tensor for _, tensor in _readouts(model)}
    stacked: set[str] = set()
    repeated: set[str] = set()
    for node in model.graph.node:
        if node.op_type in SHAPE_OPS:
            continue
        if node.op_type == "Tile":
            repeated.add(node.output[0])
        if _begins(node) or node.op_type == "Tile" or not stacked.isdisjoint(reads(node)):
            stacked.update({*writes(node)} - ends)
    return TimeStacking(kind, count, frozenset(stacked), frozenset(repeated))


def one_step(model: onnx.ModelProto) -> onnx.ModelProto:
    """A copy of `model` without stacking: it computes a single time step, or with undivided values."""
    single = onnx.ModelProto()
    single.CopyFrom(model)
    if not any(_begins(n) for n in model.graph.node):
        return single
    ends = {tensor for _, tensor in _readouts(single)}
    for node in single.graph.node:
        if _begins(node):
            _shorten(node)
        elif node.op_type == "Tile" or not ends.isdisjoint(node.output):
            out = next((name for name in node.output if name in ends), node.output[0])
            node.CopyFrom(helper.make_node("Identity", node.input[:1], [out], name=node.name))
    return single


def gives_steps(model: onnx.ModelProto) -> bool:
    """Whether `model` returns the outputs after every time step, [T, N, …]."""
    last = any(n.domain == DOMAIN and n.op_type in READERS for n in model.graph.node)
    fold = fold_of(model)
    return fold.kind == "steps" and fold.count > 1 and not last


def max_batch(fold: TimeStacking, wanted: int, largest: int = 0) -> int:
    """The largest batch whose stacked rows do not exceed the limit.

    Args:
        fold: What the rows hold.
        wanted: How many are asked for.
        largest: Bytes of the largest tensor for one sample and step; 0: not known.
    """
    if fold.count == 1:
        return wanted
    rows = min(_ROWS, _BYTES // max(largest, 1))
    return max(1, min(wanted, rows // fold.count))


def _begins(node: onnx.NodeProto) -> bool:
    known = {op.name for op in all_ops() if op.stacks}
    return node.domain == DOMAIN and node.op_type in known


def _count(node: onnx.NodeProto) -> int:
    attributes: dict[str, Any] = {a.name: helper.get_attribute_value(a) for a in node.attribute}
    if "steps" in attributes:
        return int(attributes["steps"])
    return len(attributes["levels"]) - int(attributes["wait"]) + 1


def _shorten(node: onnx.NodeProto) -> None:
    """One step, or the only slice of a neuron that waits for all of its input."""
    lengths = {a.name: len(a.floats) for a in node.attribute}
    for attribute in node.attribute:
        if attribute.name == "steps":
            attribute.i = 1
        elif attribute.name == "wait":
            attribute.i = lengths["levels"]


def _readouts(model: onnx.ModelProto) -> Iterator[tuple[onnx.NodeProto, str]]:
    """The readouts and their input tensors: mean over all steps, last step or slice, or steps on their own axis."""
    makers = {out: n for n in model.graph.node for out in n.output if out}
    constants = {t.name: t for t in model.graph.initializer}
    for node in model.graph.node:
        cuts = node.op_type in ("Split", "Reshape") and len(node.input) > 1
        sizes = makers.get(node.input[1]) if cuts else None
        if node.domain == DOMAIN and node.op_type in READERS:
            yield node, node.output[0]
        elif sizes is not None and sizes.op_type == "Concat" and _measures(makers, sizes, node.input[0]):
            first = constants.get(sizes.input[0])  # of a network's own Reshape, this is the batch
            if node.op_type == "Split" or (first is not None and list(first.dims) == [2]):
                yield node, node.output[-1]


def _measures(makers: Mapping[str, onnx.NodeProto], node: onnx.NodeProto, tensor: str) -> bool:
    """Whether `node` computes with the shape of `tensor`."""
    if node.op_type == "Shape":
        return bool(node.input[0] == tensor)
    return any(_measures(makers, makers[name], tensor) for name in node.input if name in makers)
