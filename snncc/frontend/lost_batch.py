# SPDX-License-Identifier: Apache-2.0
"""Restore the batch axis in single-sample networks that drop it: Reshape to [heads, steps, width], Squeeze.

Dropped axes are kept as an additional first axis, and all nodes up to where the axis returns are adapted.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper

from snncc.ir.op_sets import BROADCASTING, CURVES, REDUCTIONS
from snncc.storage.mapped import array_of

__all__ = ["with_batch_kept"]

_UNARY = CURVES | {"Dropout", "Identity", "Neg", "Relu"}
_BINARY = BROADCASTING | {"MatMul"}
_BY_AXIS = {"Softmax": -1, "LogSoftmax": -1, "Concat": 0, "Gather": 0, "Split": 0, "LayerNormalization": -1}


class _NotKept(Exception):  # noqa: N818
    """A node for which there is no rule."""


def with_batch_kept(model: onnx.ModelProto) -> bool:
    """Change `model`, made for one sample, to keep its batch axis; False, without a change, if that is impossible."""
    work = _Keeper(model)
    try:
        nodes = [new for node in model.graph.node for new in work.kept(node)]
    except _NotKept:
        return False
    if not work.changed or any(v.name in work.lost for v in model.graph.output):
        return False
    copies = onnx.GraphProto(node=nodes)
    model.graph.ClearField("node")
    model.graph.node.extend(copies.node)
    model.graph.initializer.extend(work.constants)
    return True


class _Keeper:
    """Track the tensors that have lost their batch axis, `lost`, node by node."""

    def __init__(self, model: onnx.ModelProto) -> None:
        graph = onnx.shape_inference.infer_shapes(model, data_prop=True).graph
        values = (*graph.value_info, *graph.input, *graph.output)
        self.shapes = {v.name: [d.dim_value for d in v.type.tensor_type.shape.dim] for v in values}
        self.values = {t.name: array_of(t) for t in graph.initializer}
        made = (n for n in graph.node if n.op_type == "Constant" and n.attribute[0].HasField("t"))
        self.values |= {n.output[0]: array_of(n.attribute[0].t) for n in made}
        self.lost: set[str] = set()
        self.driven = {v.name for v in graph.input}
        self.constants: list[onnx.TensorProto] = []
        self.changed = False

    def kept(self, node: onnx.NodeProto) -> list[onnx.NodeProto]:
        """The replacement of `node`; results that still lack the batch axis are recorded."""
        driven = [i for i in node.input if i in self.driven]
        if driven:
            self.driven.update(node.output)
        if any(i in self.lost for i in node.input):
            return [self._inside(node)]
        begins = driven and self.shapes.get(node.input[0], [])[:1] == [1]
        return [self._dropped(node)] if begins else [node]

    def _dropped(self, node: onnx.NodeProto) -> onnx.NodeProto:
        """A node of a tensor [1, …], if it drops that axis."""
        shape = self.shapes.get(node.output[0], [])
        rank = len(self.shapes[node.input[0]])
        if node.op_type == "Reshape" and shape and shape[0] != 1 and all(shape):
            return self._lose(node, [node.input[0], self._ints(node, [-1, *shape])])
        if node.op_type == "Squeeze":
            axes = self._axes(node, rank) or [a for a, d in enumerate(self.shapes[node.input[0]]) if d == 1]
            if 0 in axes:
                rest = [a for a in axes if a]
                return self._lose(node, [node.input[0], self._ints(node, rest)] if rest else None)
        return node

    def _lose(self, node: onnx.NodeProto, inputs: Sequence[str] | None, **attributes: Any) -> onnx.NodeProto:
        """`node` with other inputs, or if None an Identity; its result lacks the batch axis."""
        self.lost.update(node.output)
        return self._with(node, inputs, **attributes)

    def _with(self, node: onnx.NodeProto, inputs: Sequence[str] | None, **attributes: Any) -> onnx.NodeProto:
        self.changed = True
        op = node.op_type if inputs is not None else "Identity"
        new = helper.make_node(op, inputs or node.input[:1], node.output, name=node.name, **attributes)
        if inputs is not None:
            new.attribute.extend(a for a in node.attribute if a.name not in (*attributes, "allowzero"))
        return new

    def _inside(self, node: onnx.NodeProto) -> onnx.NodeProto:
        op = node.op_type
        rule: Callable[[onnx.NodeProto], onnx.NodeProto] | None = {
            "Reshape": self._reshaped,
            "Unsqueeze": self._unsqueezed,
            "Squeeze": self._squeezed,
            "Transpose": self._transposed,
            "Slice": self._sliced,
            **dict.fromkeys(_UNARY, self._unary),
            **dict.fromkeys(_BINARY, self._binary),
            **dict.fromkeys(_BY_AXIS, self._by_axis),
            **dict.fromkeys(REDUCTIONS, self._reduced),
        }.get(op)
        if rule is None:
            raise _NotKept(op)
        return rule(node)

    def _unary(self, node: onnx.NodeProto) -> onnx.NodeProto:
        return self._lose(node, node.input)

    def _binary(self, node: onnx.NodeProto) -> onnx.NodeProto:
        """All that is computed lacks the axis and has the same rank; constants have no more axes than that."""
        rank = len(self.shapes[next(i for i in node.input if i in self.lost)])
        for name in node.input:
            own = np.ndim(self.values[name]) if name in self.values else len(self.shapes.get(name, []))
            if name in self.driven and (name not in self.lost or own != rank):
                raise _NotKept(node.op_type)
            if own > rank:
                raise _NotKept(node.op_type)
        return self._lose(node, node.input)

    def _by_axis(self, node: onnx.NodeProto) -> onnx.NodeProto:
        joined = node.op_type == "Concat"
        fine = all(
            (i in self.lost) if joined or not index else (i not in self.driven) for index, i in enumerate(node.input)
        )
        if not fine:
            raise _NotKept(node.op_type)
        axis = next((a.i for a in node.attribute if a.name == "axis"), _BY_AXIS[node.op_type])
        return self._lose(node, node.input, axis=axis + 1 if axis >= 0 else axis)

    def _reshaped(self, node: onnx.NodeProto) -> onnx.NodeProto:
        shape = self.shapes.get(node.output[0], [])
        if not shape or not all(shape):
            raise _NotKept("Reshape")
        if shape[0] == 1:
            return self._with(node, [node.input[0], self._ints(node, [-1, *shape[1:]])])
        return self._lose(node, [node.input[0], self._ints(node, [-1, *shape])])

    def _unsqueezed(self, node: onnx.NodeProto) -> onnx.NodeProto:
        axes = self._axes(node, len(self.shapes[node.output[0]])) or []
        if 0 not in axes:
            return self._lose(node, [node.input[0], self._ints(node, [a + 1 for a in axes])])
        rest = [a for a in axes if a]
        return self._with(node, [node.input[0], self._ints(node, rest)] if rest else None)

    def _squeezed(self, node: onnx.NodeProto) -> onnx.NodeProto:
        shape = self.shapes[node.input[0]]
        axes = self._axes(node, len(shape)) or [a for a, d in enumerate(shape) if d == 1]
        return self._lose(node, [node.input[0], self._ints(node, [a + 1 for a in axes])])

    def _transposed(self, node: onnx.NodeProto) -> onnx.NodeProto:
        order = next((list(a.ints) for a in node.attribute if a.name == "perm"), None)
        order = order or list(reversed(range(len(self.shapes[node.input[0]]))))
        return self._lose(node, node.input, perm=[0, *(a + 1 for a in order)])

    def _sliced(self, node: onnx.NodeProto) -> onnx.NodeProto:
        rank = len(self.shapes[node.input[0]])
        count = self.values.get(node.input[1], np.zeros(0)).size
        axes = self._axes(node, rank, 3) if len(node.input) > 3 and node.input[3] else list(range(count))
        if not axes:
            raise _NotKept("Slice")
        return self._lose(node, [*node.input[:3], self._ints(node, [a + 1 for a in axes]), *node.input[4:]])

    def _reduced(self, node: onnx.NodeProto) -> onnx.NodeProto:
        axes = self._axes(node, len(self.shapes[node.input[0]]))
        if not axes:
            raise _NotKept(node.op_type)
        return self._lose(node, [node.input[0], self._ints(node, [a + 1 for a in axes])])

    def _axes(self, node: onnx.NodeProto, rank: int, index: int = 1) -> list[int] | None:
        """The axes that a constant input names, from 0 on; None if there is no such input."""
        if len(node.input) <= index or not node.input[index]:
            return None
        if node.input[index] not in self.values:
            raise _NotKept(node.op_type)
        return [int(a) % rank for a in self.values[node.input[index]].reshape(-1)]

    def _ints(self, node: onnx.NodeProto, values: Sequence[int]) -> str:
        name = f"{node.output[0]}_with_batch"
        self.constants.append(numpy_helper.from_array(np.array(values, np.int64), name))
        return name
