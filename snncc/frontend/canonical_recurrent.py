# SPDX-License-Identifier: Apache-2.0
"""Canonicalise recurrent nodes to the form that onnxruntime and the passes support.

layout 1 (batch first)            layout 0, with Transposes around it
a first state that is all 0       none, however it is computed
a constant first state            that of the first sample, expanded to whatever batch comes, if all are alike
an RNN whose states nothing reads  the same with an output for them, so that calibration sees how large they get
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import onnx

from snncc.ir.op_sets import RECURRENT
from snncc.ir.proto_builder import Builder
from snncc.ir.scopes import writes
from snncc.ops.arrays import Array
from snncc.storage.mapped import array_of

__all__ = ["tidy_recurrent"]

_STATES = (5, 6)  # positions among the inputs
_MOVES = "Cast Concat Expand Gather Identity Reshape Slice Split Squeeze Tile Transpose Unsqueeze"
_KEEP_ZERO = frozenset(_MOVES.split())
_SWAP = [1, 0, 2]  # [batch, time or direction, …] and back
_BATCH_FIRST = [2, 0, 1, 3]  # [time, direction, batch, units] -> [batch, time, direction, units]


def tidy_recurrent(model: onnx.ModelProto) -> onnx.ModelProto:
    """`model` with canonical recurrent nodes; unchanged if it has none."""
    if not any(n.op_type in RECURRENT for n in model.graph.node):
        return model
    tidy = onnx.ModelProto()
    tidy.CopyFrom(model)
    build = Builder(tidy)
    del tidy.graph.node[:]
    constants = {t.name: array_of(t) for t in model.graph.initializer}
    constants |= {
        n.output[0]: array_of(n.attribute[0].t)
        for n in model.graph.node
        if n.op_type == "Constant" and n.attribute[0].HasField("t")
    }
    zeros = _zeros(model, constants)
    for node in model.graph.node:
        if node.op_type in RECURRENT:
            _append_tidy(tidy, build, node, constants, zeros)
        else:
            tidy.graph.node.append(node)
    return tidy


def _append_tidy(
    tidy: onnx.ModelProto,
    build: Builder,
    node: onnx.NodeProto,
    constants: Mapping[str, Array],
    zeros: set[str],
) -> None:
    """Add the canonical form of `node`, with the nodes that it needs around it."""
    made = onnx.NodeProto()
    made.CopyFrom(node)
    batch_first = any(a.name == "layout" and a.i for a in node.attribute)
    kept = [a for a in node.attribute if a.name != "layout"]
    del made.attribute[:]
    made.attribute.extend(kept)
    if batch_first:
        made.input[0] = build.node("Transpose", [node.input[0]], f"{node.name}_time_first", perm=_SWAP)
    for index in _STATES:
        if len(node.input) > index and node.input[index]:
            made.input[index] = _state(build, node.input[index], made, constants, zeros, batch_first=batch_first)
    if node.op_type == "RNN" and not made.output[0]:
        made.output[0] = build.fresh(f"{node.name}_states")
    wanted = list(made.output)
    if batch_first:
        made.output[:] = [name and build.fresh(f"{name}_time_first") for name in wanted]
    tidy.graph.node.append(made)
    if batch_first:
        for index, (given, name) in enumerate(zip(made.output, wanted, strict=True)):
            if name:
                build.node("Transpose", [given], name, perm=_SWAP if index else _BATCH_FIRST)
                tidy.graph.node[-1].output[0] = name


def _state(
    build: Builder,
    name: str,
    node: onnx.NodeProto,
    constants: Mapping[str, Array],
    zeros: set[str],
    *,
    batch_first: bool,
) -> str:
    """The state before the first step, [directions, batch, units]; "" for 0."""
    if name in zeros:
        return ""
    if name not in constants:
        return build.node("Transpose", [name], f"{name}_directions_first", perm=_SWAP) if batch_first else name
    value = constants[name].transpose(_SWAP) if batch_first else constants[name]
    if value.ndim != 3 or (value != value[:, :1]).any():
        return build.constant(f"{name}_directions_first", value) if batch_first else name
    size = build.node("Shape", [node.input[0]], f"{node.name}_sizes")  # which has no start and end before opset 15
    batch = build.node("Gather", [size, build.ints(1)], f"{node.name}_batch")
    sizes = [build.ints(value.shape[0]), batch, build.ints(value.shape[2])]
    shape = build.node("Concat", sizes, f"{name}_shape", axis=0)
    return build.node("Expand", [build.constant(f"{name}_of_one", value[:, :1]), shape], f"{name}_of_all")


def _zeros(model: onnx.ModelProto, constants: Mapping[str, Array]) -> set[str]:
    """The names of the tensors that hold zeros, whatever the input."""
    found = {name for name, value in constants.items() if not np.any(value)}
    for node in model.graph.node:
        if node.op_type == "ConstantOfShape":
            fill = [array_of(a.t) for a in node.attribute if a.name == "value"]
            zero = not any(value.any() for value in fill)
        else:
            read = node.input if node.op_type == "Concat" else node.input[:1]
            zero = node.op_type in _KEEP_ZERO and found.issuperset(read)
        if zero:
            found.update(writes(node))
    return found
