# SPDX-License-Identifier: Apache-2.0
"""Integer and boolean values of a model that follow from its constants and tensor shapes.

Values are known per element: of the shape [N, 3, 8] the second and the third element are known. Shape-only ops
propagate known elements; arithmetic and comparisons have known results for known operands.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from math import prod
from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper

from snncc.analysis.cpu_session import ORT_ERRORS, cpu_session
from snncc.io.large_models import outline
from snncc.ir.op_sets import RANDOM, SHAPE_OPS
from snncc.ir.proto_builder import Builder
from snncc.ir.scopes import inner_graphs
from snncc.ops.arrays import Array
from snncc.storage.mapped import array_of

__all__ = ["KnownValues", "with_shapes"]

# Arrays are of objects where elements may be None: not known.

_ERRORS: tuple[type[Exception], ...] = (*ORT_ERRORS, TypeError, ValueError, OverflowError)
_LARGEST = 256  # elements; tensors for shapes and conditions are far smaller
_MOVED = "Cast Concat Gather Identity Reshape Slice Squeeze Transpose Unsqueeze"
_MOVES = frozenset(_MOVED.split())
_SHAPED = "ConstantOfShape Expand Pad Range Reshape Resize Slice Split Squeeze Tile TopK Unsqueeze Upsample"
_RESHAPING = frozenset(_SHAPED.split())  # whose further inputs determine the new shape
_ELEMENTWISE: dict[str, Callable[..., Any]] = {
    "Add": operator.add,
    "Sub": operator.sub,
    "Mul": operator.mul,
    "Equal": operator.eq,
    "Greater": operator.gt,
    "GreaterOrEqual": operator.ge,
    "Less": operator.lt,
    "LessOrEqual": operator.le,
    "And": lambda a, b: bool(a and b),
    "Or": lambda a, b: bool(a or b),
    "Not": operator.not_,
}
_DECIDES = {"And": False, "Or": True}  # the operand that decides alone


class KnownValues:
    """Values of tensors of `model`, computed on demand.

    Args:
        model: A model whose shapes have been inferred.
    """

    def __init__(self, model: onnx.ModelProto) -> None:
        graph = model.graph
        self._opsets = model.opset_import
        self._makers = {out: n for n in graph.node for out in n.output if out}
        self._stored = {t.name: t for t in graph.initializer}
        given = (*graph.input, *graph.value_info, *graph.output)
        self._types = {v.name: v.type.tensor_type for v in given}
        self._found: dict[str, Array | None] = {}

    def of(self, name: str) -> Array | None:
        """The value of a tensor, an array of objects; None if its shape is unknown, or it is large."""
        pending = [name]
        while pending:  # no recursion: paths may be as long as the network
            current = pending[-1]
            node = self._makers.get(current)
            missing = [i for i in _asked_for(node) if i and i not in self._found] if node is not None else []
            if current in self._found or not missing:
                pending.pop()
                if current not in self._found:
                    self._found[current] = self._worked_out(current, node)
            else:
                pending += missing
        return self._found[name]

    def _worked_out(self, name: str, node: onnx.NodeProto | None) -> Array | None:
        if name in self._stored:
            stored = self._stored[name]
            return array_of(stored).astype(object) if prod(stored.dims) <= _LARGEST else None
        if node is None or node.domain not in ("", "ai.onnx") or any(inner_graphs(node)):
            return None
        if node.op_type in SHAPE_OPS:
            return self._size(node)
        values = [self._found[i] if i else None for i in node.input]
        if all(v is not None and _complete(v) for v, i in zip(values, node.input, strict=True) if i):
            return self._run(node, name, values) if self._is_small(node, name) else None
        if node.op_type in _MOVES:
            return self._moved(node, name, values)
        return _elementwise(node.op_type, values)

    def _size(self, node: onnx.NodeProto) -> Array | None:
        """What Shape or Size gives."""
        shape = self._shape(node.input[0])
        if shape is None:
            return None
        if node.op_type == "Size":
            return np.array(None if None in shape else prod(d for d in shape if d is not None), object)
        cut = {a.name: a.i for a in node.attribute}
        part = shape[cut.get("start", 0) : cut.get("end", len(shape))]
        return np.array([*part, None], object)[:-1]

    def _shape(self, name: str) -> list[int | None] | None:
        if name in self._stored:
            return list(self._stored[name].dims)
        kind = self._types.get(name)
        if kind is None or not kind.HasField("shape"):
            return None
        return [d.dim_value if d.HasField("dim_value") and d.dim_value >= 0 else None for d in kind.shape.dim]

    def _is_small(self, node: onnx.NodeProto, name: str) -> bool:
        """Whether the result of `node`, whose inputs are small, is small, too, and the same in every run."""
        if node.op_type in RANDOM:
            return False
        if node.op_type in _MOVES or node.op_type in _ELEMENTWISE:
            return True
        shape = self._shape(name)
        return shape is not None and None not in shape and prod(d or 0 for d in shape) <= _LARGEST

    def _moved(self, node: onnx.NodeProto, name: str, values: list[Array | None]) -> Array | None:
        """The source of each element of the result: the op is applied to the indices of elements."""
        count = len(values) if node.op_type == "Concat" else 1
        data, others = values[:count], values[count:]
        if any(v is None for v in data) or any(v is not None and not _complete(v) for v in others):
            return None
        if any(v is None and i for v, i in zip(others, node.input[count:], strict=True)):
            return None
        elements: list[Any] = []
        numbers: list[Array | None] = []
        for value in data:
            assert value is not None
            numbers.append((np.arange(value.size) + len(elements)).reshape(value.shape).astype(object))
            elements += value.ravel().tolist()
        if node.op_type == "Cast":
            return self._cast(node, data[0])
        places = self._run(node, name, [*numbers, *others], numbered=count)
        if places is None:
            return None
        table = np.array([*elements, None], object)[:-1]
        return np.asarray(table[places.astype(np.int64)], object)

    @staticmethod
    def _cast(node: onnx.NodeProto, value: Array | None) -> Array | None:
        kind = helper.tensor_dtype_to_np_dtype(node.attribute[0].i)
        assert value is not None
        cast = [None if v is None else np.asarray(v).astype(kind).item() for v in value.ravel().tolist()]
        return np.array([*cast, None], object)[:-1].reshape(value.shape)

    def _run(self, node: onnx.NodeProto, name: str, values: list[Array | None], numbered: int = 0) -> Array | None:
        """The result of `node` in onnxruntime; the first inputs, so many, are numbers of elements."""
        alone = onnx.NodeProto()
        alone.CopyFrom(node)
        alone.input[:] = ["" if v is None else f"input_{i}" for i, v in enumerate(values)]
        alone.output[:] = ["result" if out == name else "" for out in node.output]
        weights = []
        for i, value in enumerate(values):
            if value is not None:
                kind = np.dtype(np.int64) if i < numbered else self.kind(node.input[i])
                weights.append(numpy_helper.from_array(np.asarray(value, kind), f"input_{i}"))
        result = onnx.ValueInfoProto(name="result")
        graph = helper.make_graph([alone], "alone", [], [result], weights)
        try:
            session = cpu_session(helper.make_model(graph, opset_imports=self._opsets, ir_version=10), ["result"])
            return np.asarray(session.run(None, {})[0]).astype(object)
        except _ERRORS:
            return None

    def kind(self, name: str) -> np.dtype[Any]:
        """The element type of a tensor."""
        if name in self._stored:
            return helper.tensor_dtype_to_np_dtype(self._stored[name].data_type)
        known = self._types.get(name)
        return np.dtype(np.int64) if known is None else helper.tensor_dtype_to_np_dtype(known.elem_type)


def with_shapes(model: onnx.ModelProto) -> onnx.ModelProto:
    """An outline of `model` with inferred shapes; shapes and widths that nodes compute are constants.

    Each such constant makes more shapes known, and these more constants.
    """
    sketch, settled = outline(model), True
    while settled:
        try:
            sketch = onnx.shape_inference.infer_shapes(sketch, data_prop=True)
        except (onnx.shape_inference.InferenceError, RuntimeError):
            return sketch  # errors are reported by the checks of models
        settled = _settle(sketch, KnownValues(sketch))
    return sketch


def _settle(sketch: onnx.ModelProto, known: KnownValues) -> bool:
    """Whether a shape input was computed so far, and is a constant from now on."""
    stored = {t.name for t in sketch.graph.initializer}
    build, done = Builder(sketch), False
    for node in sketch.graph.node:
        for place in range(1, len(node.input) if node.op_type in _RESHAPING else 0):
            value = known.of(node.input[place]) if node.input[place] not in {"", *stored} else None
            if value is not None and _complete(value):
                node.input[place] = build.constant(node.input[place], value.astype(known.kind(node.input[place])))
                done = True
    return done


def _asked_for(node: onnx.NodeProto) -> list[str]:
    """What must be known of the inputs of `node`: for Shape and Size only the shape."""
    return [] if node.op_type in SHAPE_OPS or any(inner_graphs(node)) else list(node.input)


def _complete(value: Array) -> bool:
    return not any(v is None for v in value.ravel().tolist())


def _elementwise(op: str, values: list[Array | None]) -> Array | None:
    if op not in _ELEMENTWISE or any(v is None for v in values):
        return None

    def one(*given: Any) -> Any:
        if op in _DECIDES and _DECIDES[op] in given:
            return _DECIDES[op]
        return None if None in given else _ELEMENTWISE[op](*given)

    return np.asarray(np.frompyfunc(one, len(values), 1)(*values), object)
