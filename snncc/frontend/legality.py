# SPDX-License-Identifier: Apache-2.0
"""Reject what cannot be converted: all nodes in one error, grouped by op, with a remedy for each op."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from math import prod

import numpy as np
import onnx
from onnx import TensorProto

from snncc.analysis.analog_ops import may_stay_analog
from snncc.analysis.batch_axis import batch_axes, batch_axis_error
from snncc.analysis.convertibility import unsupported_reason
from snncc.analysis.integer_inputs import integer_tensors, is_integer
from snncc.analysis.intervals import BOUNDS
from snncc.analysis.masks import may_be_infinite
from snncc.errors import ModelError, UnsupportedOpError, UnsupportedShapeError
from snncc.frontend.remedies import remedy_for
from snncc.io.large_models import outline
from snncc.ir.graph import Graph, Node, Shape
from snncc.ir.nodes import all_nodes
from snncc.ir.op_sets import CHOICES, COMPARISONS, CONTROL_FLOW, RECURRENT
from snncc.ops import DOMAIN
from snncc.ops.arrays import Array

__all__ = [
    "refuse_analog_ops",
    "refuse_inputs",
    "refuse_nodes",
    "refuse_ours",
    "refuse_training",
    "refuse_types",
    "refuse_unshaped",
    "refuse_unsupported",
    "refuse_untyped",
    "refuse_weights",
    "require_neurons",
]

_OTHERS = "few-spikes coding (--coding fs) also has neurons for Sigmoid, Tanh, SiLU, GELU and the like"

_FLOATS = (TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.DOUBLE)
_INTEGERS = tuple(getattr(TensorProto, f"{sign}INT{bits}") for sign in ("", "U") for bits in (8, 16, 32, 64))
_PLAIN = frozenset([*_FLOATS, *_INTEGERS, TensorProto.BOOL])  # other types, known to ONNX or not, are exotic
_STANDARD = (None, "", "ai.onnx")  # the domain
_MOST_VALUES = 2**40  # of a sample; more is a mistake, or malice


_OF_IDS = """Add Cast Clip Concat CumSum Div Expand Flatten Gather Identity Max Min Mod Mul Pad ReduceSum
    Reshape Resize Shape Slice Split Squeeze Sub Tile Transpose Unsqueeze"""

_FLOAT_INPUT = "Export the model with a float32, float16 or float64 input, or with a Cast to one behind it."

_FLOAT_WEIGHT = "Export the model with its weights in float32, float16 or float64."

_BATCH_INPUT = "Export it with a batch axis and at least one more, such as [N, 10] or [N, 3, 32, 32]."


def refuse_types(model: onnx.ModelProto, name: str) -> None:
    """Raise for inputs and node results that are not plain tensors (sequences, 8-bit floats, …)."""
    for value in model.graph.input:
        if not value.type.HasField("tensor_type") or value.type.tensor_type.elem_type not in _PLAIN:
            raise UnsupportedShapeError(f"{name}: input '{value.name}' is {_type_name(value.type)}. {_FLOAT_INPUT}")
    for weight in model.graph.initializer:
        if weight.data_type not in _PLAIN:
            kind = _element_name(weight.data_type)
            raise UnsupportedShapeError(f"{name}: weight '{weight.name}' is {kind}. {_FLOAT_WEIGHT}")
    for value in (*model.graph.value_info, *model.graph.output):
        if value.type.tensor_type.elem_type not in TensorProto.DataType.values():
            kind = _element_name(value.type.tensor_type.elem_type)
            raise UnsupportedShapeError(f"{name}: tensor '{value.name}' is {kind}. Export the model again.")
    made = {out: n for n in model.graph.node for out in n.output}
    graph = onnx.shape_inference.infer_shapes(outline(model)).graph
    reasons: dict[str, list[str]] = {}
    for value in (*graph.value_info, *graph.output):
        node, tensor = made.get(value.name), value.type.tensor_type
        other = value.type.WhichOneof("value") not in (None, "tensor_type")  # None: not known, so not known to be wrong
        if node is not None and (other or tensor.elem_type not in {*_PLAIN, TensorProto.UNDEFINED}):
            reason = f"{node.op_type}: its result is {_type_name(value.type)}"
            reasons.setdefault(reason, []).append(node.name or value.name)
    refuse_nodes(name, reasons)


def refuse_ours(model: onnx.ModelProto, name: str) -> None:
    """Raise for ops of `ai.snncc`, which only converted networks contain."""
    if any(node.domain == DOMAIN for node in all_nodes(model.graph)) or any(
        f.domain == DOMAIN for f in model.functions
    ):
        raise ModelError(f"{name} is already converted; give the network that it was made from.")


def refuse_unshaped(model: onnx.ModelProto, name: str) -> None:
    """Raise for inputs of unknown rank or of excessive size."""
    for value in model.graph.input:
        sizes = [d.dim_value for d in value.type.tensor_type.shape.dim if d.HasField("dim_value")]
        if min(sizes, default=0) < 0 or prod(sizes) > _MOST_VALUES:
            raise UnsupportedShapeError(f"{name}: input '{value.name}' has axes of {sizes}, which no data has.")
        if value.type.HasField("tensor_type") and not value.type.tensor_type.HasField("shape"):
            raise UnsupportedShapeError(f"{name}: input '{value.name}' states no shape. {_BATCH_INPUT}")


def refuse_training(model: onnx.ModelProto, name: str) -> None:
    """Raise for BatchNormalizations that compute their statistics from the batch."""
    found = []
    for node in model.graph.node:
        mode = any(a.name == "training_mode" and a.i for a in node.attribute)
        if node.op_type == "BatchNormalization" and (mode or sum(map(bool, node.output)) > 1):
            found.append(node.name or node.output[0])
    reason = "BatchNormalization: in training mode, export for inference (model.eval())"
    refuse_nodes(name, {reason: found} if found else {})


def refuse_inputs(graph: Graph, name: str) -> None:
    """Raise for inputs that are neither batches of floating-point samples nor integers that index tables."""
    beside = integer_tensors(graph)
    for tensor in graph.inputs:
        if is_integer(tensor) and all(_takes_ids(user, beside) for user in graph.users(tensor)):
            continue
        if np.dtype(tensor.dtype).kind != "f":
            odd = next(u for u in graph.users(tensor) if not _takes_ids(u, beside))
            what = f"input '{tensor.name}' is {np.dtype(tensor.dtype)}, and {odd.op} '{odd.name}' computes with it"
            raise UnsupportedShapeError(f"{name}: {what}. {_FLOAT_INPUT}")
        if not graph.shape(tensor) and len(graph.inputs) == 1:
            raise UnsupportedShapeError(f"{name}: input '{tensor.name}' has rank 0. {_BATCH_INPUT}")


def _takes_ids(node: Node, beside: set[int]) -> bool:
    """Whether `node` uses integers as indices, not as numbers to compute with."""
    known = node.op in ("Cast", "Gather") or is_integer(node.outputs[0])
    usual = node.op in (*_OF_IDS.split(), *CONTROL_FLOW, *COMPARISONS) and id(node.outputs[0]) in beside
    return node.op in RECURRENT or node.op in CHOICES or (known and usual)


def _element_name(kind: int) -> str:
    known = kind in TensorProto.DataType.values()
    return str(TensorProto.DataType.Name(kind)).lower() if known else f"of type {kind}, which ONNX does not have"


def _type_name(kind: onnx.TypeProto) -> str:
    if kind.HasField("tensor_type"):
        return _element_name(kind.tensor_type.elem_type)
    return f"of type {str(kind.WhichOneof('value')).removesuffix('_type')}"


def refuse_weights(graph: Graph, name: str) -> None:
    """Raise ModelError, naming weight and node, for NaN or infinite weights, and for slopes of unsupported shapes.

    Bounds may be infinite.
    """
    for node in graph.nodes("PRelu"):  # shape inference looks at the input only
        shape, slope = graph.shape(node.inputs[0]), graph.shape(node.inputs[1])
        if shape and slope and not _broadcasts(slope, shape):
            message = f"{name}: slope '{node.inputs[1].name}' {list(slope)} of PRelu '{node.name}' does not broadcast"
            raise ModelError(f"{message} to its input {list(shape)}. Give it one axis per axis behind the channels.")
    for node in graph.nodes():
        for index, tensor in enumerate(node.inputs):
            value = graph.value(tensor)
            if value is None or value.dtype.kind != "f" or np.isfinite(value).all():
                continue
            if not np.isnan(value).any() and _may_be_infinite(graph, node, index, value):
                continue
            bad = int(value.size - np.isfinite(value).sum())
            message = f"{name}: weight '{tensor.name}' of {node.op} '{node.name}' has {bad} NaN or infinite value(s)"
            raise ModelError(f"{message}. The training diverged or the file is damaged; export it again.")


def _may_be_infinite(graph: Graph, node: Node, index: int, value: Array) -> bool:
    """Whether infinities in this constant are harmless: in padding, in masks, and as bounds without effect."""
    if node.op == "Pad":
        return True
    if node.op == "Add":
        return may_be_infinite(graph, node)
    lower = node.op == "Max" or (node.op == "Clip" and index == 1)
    return node.op in BOUNDS and not (np.isposinf(value) if lower else np.isneginf(value)).any()


def _broadcasts(slope: Shape, shape: Shape) -> bool:
    """Whether `slope` broadcasts to `shape` without adding to it; axes of unknown length may."""
    pairs = zip(reversed(slope), reversed(shape), strict=False)
    return len(slope) <= len(shape) and all(a in (1, b) for a, b in pairs if isinstance(a, int) and isinstance(b, int))


def refuse_unsupported(graph: Graph, name: str) -> None:
    """Raise UnsupportedOpError with all nodes that are neither synapse, neuron nor analog op, grouped by op."""
    reasons: dict[str, list[str]] = {}
    beside, axes = integer_tensors(graph), batch_axes(graph)
    for node in graph.nodes():
        if id(node.outputs[0]) in beside:
            continue
        reason = unsupported_reason(graph, node) or (batch_axis_error(node, axes) if node.op in RECURRENT else None)
        if reason and not may_stay_analog(graph, node, beside):
            reasons.setdefault(f"{node.op}: {reason}", []).append(node.name)
    refuse_nodes(name, reasons)


def refuse_untyped(graph: Graph, name: str) -> None:
    """Raise UnsupportedOpError with the first nodes on each path whose result type is unknown."""
    if any(node.domain not in _STANDARD for node in graph.nodes()):
        return  # which are reported with all others
    unknown = {id(t) for n in graph.nodes() for t in n.outputs if t.name and t.dtype is None}
    first = [n for n in graph.nodes() if not unknown.isdisjoint(map(id, n.outputs))]
    first = [n for n in first if unknown.isdisjoint(map(id, n.inputs))]
    reasons: dict[str, list[str]] = {}
    for node in first:
        reasons.setdefault(f"{node.op}: the type of its result is not known", []).append(node.name)
    refuse_nodes(name, reasons)


def refuse_analog_ops(graph: Graph, name: str, nodes: Iterable[Node]) -> None:
    """Raise UnsupportedOpError with `nodes`, which must not be analog ops of a fully spiking network."""
    reasons: dict[str, list[str]] = {}
    for node in nodes:
        loop = node.op == "Scan" or node.op in RECURRENT
        reason = "products of gates and states" if loop else unsupported_reason(graph, node) or "not linear"
        reasons.setdefault(f"{node.op}: {reason}", []).append(node.name)
    refuse_nodes(name, reasons, "Convert without --strict to keep them as analog ops.")


def require_neurons(name: str) -> None:
    """Raise ModelError for a network without activation sites."""
    remedy = "Convert a network of ReLUs (Relu, or Clip from 0), as it is before other tools rewrite it"
    raise ModelError(f"{name}: holds no ReLU, so that nothing becomes a neuron. {remedy}; {_OTHERS}.")


def refuse_nodes(name: str, reasons: Mapping[str, list[str]], remedy: str = "") -> None:
    """Raise UnsupportedOpError if there are `reasons`, which map "op: why" to nodes.

    Without one `remedy` for all, each op has its own.
    """
    if not reasons:
        return
    lines = [f"{name}: {sum(map(len, reasons.values()))} node(s) cannot become synapses or neurons"]
    for reason, nodes in sorted(reasons.items()):
        lines.append(f"  {reason}: {_listed(nodes)}")
        if not remedy:
            lines.append(f"    {remedy_for(*reason.split(': ', 1))}")
    raise UnsupportedOpError("\n".join([*lines, *([remedy] if remedy else [])]))


def _listed(names: Iterable[str], most: int = 6) -> str:
    quoted = [f"'{n}'" for n in names]
    return ", ".join(quoted[:most]) + (f" and {len(quoted) - most} more" if len(quoted) > most else "")
