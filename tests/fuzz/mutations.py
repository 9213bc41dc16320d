# SPDX-License-Identifier: Apache-2.0
"""Mutate a model: in its bytes, in single fields wherever a field may occur, or in several fields together."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import onnx
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message
from onnx import helper

__all__ = ["mutated"]

Rng = np.random.Generator

_INTS = [
    0,
    1,
    -1,
    2,
    3,
    7,
    10,
    11,
    16,
    17,
    21,
    22,
    64,
    255,
    10**6,
    2**31 - 1,
    2**31,
    -(2**31),
    2**62,
    2**63 - 1,
    -(2**63),
]
_FLOATS = [0.0, -1.0, 1e-30, 1e38, 0.5, float("nan"), float("inf"), float("-inf")]
_WORDS = ["", "x", "y", "ai.onnx", "ai.snncc", "com.microsoft", "..", "/etc/passwd", "\x00", "é" * 300, "N"]
_INT_TYPES = (FieldDescriptor.CPPTYPE_INT32, FieldDescriptor.CPPTYPE_INT64, FieldDescriptor.CPPTYPE_UINT64)
_REAL_TYPES = (FieldDescriptor.CPPTYPE_FLOAT, FieldDescriptor.CPPTYPE_DOUBLE)


def mutated(model: onnx.ModelProto, rng: Rng) -> bytes:
    """The bytes of a damaged copy of `model`."""
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    kinds = rng.choice(["fields", "bytes", "structure"], p=[0.7, 0.15, 0.15])
    if kinds == "bytes":
        return _bytes(copy.SerializeToString(), rng)
    if kinds == "structure":
        _STRUCTURES[rng.integers(len(_STRUCTURES))](copy, rng)
    for _ in range(rng.integers(1, 4) if kinds == "fields" else rng.integers(0, 2)):
        _field(copy, _words(model), rng)
    return copy.SerializeToString()


def _bytes(data: bytes, rng: Rng) -> bytes:
    """Flips bits, or cuts, repeats, drops or invents a stretch."""
    raw = bytearray(data)
    for _ in range(rng.integers(1, 6)):
        start, size = int(rng.integers(len(raw))), int(rng.integers(1, 40))
        match rng.integers(6):
            case 0 | 1:
                raw[start] ^= 1 << int(rng.integers(8))
            case 2:
                raw[start : start + size] = raw[start : start + size] * 2
            case 3:
                del raw[start : start + size]
            case 4:
                raw[start:start] = rng.bytes(size)
            case _:
                del raw[max(start, 1) :]
    return bytes(raw)


@functools.cache
def _ops() -> list[str]:
    return sorted({schema.name for schema in onnx.defs.get_all_schemas()})


def _words(model: onnx.ModelProto) -> list[str]:
    """Names that mean something in the model or to ONNX, so that references go astray rather than nowhere."""
    graph = model.graph
    tensors = [name for node in graph.node for name in (*node.input, *node.output)]
    return [*tensors, *(n.op_type for n in graph.node), *(t.name for t in graph.initializer), *_ops()[::7], *_WORDS]


def _field(message: Message, words: list[str], rng: Rng) -> None:
    """Walk down to some field and change it."""
    while True:
        fields = message.ListFields()
        if not fields:
            return
        field, value = fields[rng.integers(len(fields))]
        many = not isinstance(value, Message | bytes | str | int | float)
        if field.message_type is None or rng.random() < 0.12:
            break
        message = value[rng.integers(len(value))] if many and len(value) else value
        if not isinstance(message, Message):
            return
    if many:
        _change_list(value, words, rng, field)
    elif field.message_type is not None or rng.random() < 0.1:
        message.ClearField(field.name)
    else:
        _assign(message, field, value, words, rng)


def _change_list(value: Any, words: list[str], rng: Rng, field: FieldDescriptor) -> None:
    """Drop, repeat, swap or change elements."""
    if not len(value):
        return
    first, second = rng.integers(len(value)), rng.integers(len(value))
    match rng.integers(4):
        case 0:
            del value[first]
        case 1 if field.message_type is not None:
            value.add().CopyFrom(value[first])
        case 1:
            value.append(value[first])
        case 2:
            kept = list(value)
            kept[first], kept[second] = kept[second], kept[first]
            kept = [type(k).FromString(k.SerializeToString()) if isinstance(k, Message) else k for k in kept]
            del value[:]
            value.extend(kept)
        case _ if field.message_type is None:
            value[first] = _scalar(field, value[first], words, rng)


def _assign(message: Message, field: FieldDescriptor, value: Any, words: list[str], rng: Rng) -> None:
    try:
        setattr(message, field.name, _scalar(field, value, words, rng))
    except ValueError:  # out of the field's range
        message.ClearField(field.name)


def _scalar(field: FieldDescriptor, value: Any, words: list[str], rng: Rng) -> Any:
    if field.cpp_type in _INT_TYPES:
        chosen = int(_INTS[rng.integers(len(_INTS))])
        return chosen if field.cpp_type != FieldDescriptor.CPPTYPE_INT32 else int(np.int64(chosen).astype(np.int32))
    if field.cpp_type in _REAL_TYPES:
        return _FLOATS[rng.integers(len(_FLOATS))]
    if field.cpp_type == FieldDescriptor.CPPTYPE_STRING:
        if isinstance(value, bytes):  # weights, among others
            return _bytes(value, rng) if value and rng.random() < 0.7 else bytes([127, 255]) * (len(value) // 2)
        return words[rng.integers(len(words))] if rng.random() < 0.8 else value + "0"
    values = field.enum_type.values if field.enum_type is not None else None
    return values[rng.integers(len(values))].number if values else 1 - int(value)


def _call_itself(model: onnx.ModelProto, rng: Rng) -> None:
    """A local function that calls itself, or another that calls it back."""
    names = ["Again", "Back"][: rng.integers(1, 3)]
    imports = [helper.make_opsetid("", 21), helper.make_opsetid("own", 1)]
    for name, other in zip(names, [*names[1:], names[0]], strict=True):
        body = [helper.make_node(other, ["x"], ["y"], domain="own")]
        model.functions.append(helper.make_function("own", name, ["x"], ["y"], body, imports))
    model.graph.node.append(helper.make_node("Again", [model.graph.input[0].name], ["again"], domain="own"))
    if "own" not in {o.domain for o in model.opset_import}:
        model.opset_import.append(imports[1])


def _nest(model: onnx.ModelProto, rng: Rng) -> None:
    """The network inside the branches of Ifs inside one another."""
    levels = int(rng.choice([1, 10, 25]))
    if any(node.op_type == "If" for node in model.graph.node):
        return  # protobuf reads 100 levels at most, and mutations of mutated models would add up
    for _ in range(levels):
        inner = onnx.GraphProto()
        inner.CopyFrom(model.graph)
        del inner.input[:], model.graph.node[:], model.graph.initializer[:]
        node = helper.make_node("If", ["which"], [o.name for o in model.graph.output], then_branch=inner)
        model.graph.initializer.append(helper.make_tensor("which", onnx.TensorProto.BOOL, [], [True]))
        model.graph.node.append(node)


def _make_huge(model: onnx.ModelProto, rng: Rng) -> None:
    """A constant that is small in the file and not in memory, or an input, or the work that an attribute asks for."""
    size = int(rng.choice([10**5, 10**7, 2**40, 2**62]))
    graph = model.graph
    match rng.integers(3):
        case 0:
            shape = helper.make_tensor("huge_shape", onnx.TensorProto.INT64, [2], [size, 4])
            graph.initializer.append(shape)
            graph.node.insert(0, helper.make_node("ConstantOfShape", ["huge_shape"], ["huge"]))
            graph.node.append(helper.make_node("MatMul", ["huge", graph.node[-1].output[0]], ["more"]))
            graph.output.add().CopyFrom(helper.make_tensor_value_info("more", onnx.TensorProto.FLOAT, None))
        case 1:
            dims = graph.input[0].type.tensor_type.shape.dim
            dims[rng.integers(len(dims))].dim_value = size
        case _:
            weight = graph.initializer[rng.integers(len(graph.initializer))] if graph.initializer else None
            if weight is not None:
                weight.dims.insert(0, size)


def _cycle(model: onnx.ModelProto, rng: Rng) -> None:
    """A node reads what another one after it computes."""
    nodes = model.graph.node
    early, late = sorted(rng.integers(len(nodes), size=2))
    if nodes[early].input and nodes[late].output:
        nodes[early].input[0] = nodes[late].output[0]


def _swap_op(model: onnx.ModelProto, rng: Rng) -> None:
    """Another op of ONNX in the place of one."""
    node = model.graph.node[rng.integers(len(model.graph.node))]
    node.op_type = _ops()[rng.integers(len(_ops()))]


def _retype(model: onnx.ModelProto, rng: Rng) -> None:
    """Weights or inputs of another element type, their bytes as many as that takes."""
    kind = int(rng.integers(0, 24))
    if rng.random() < 0.5 or not model.graph.initializer:
        model.graph.input[rng.integers(len(model.graph.input))].type.tensor_type.elem_type = kind
        return
    weight = model.graph.initializer[rng.integers(len(model.graph.initializer))]
    weight.data_type = kind
    weight.raw_data = rng.bytes(len(weight.raw_data) * int(rng.integers(1, 3)))


_STRUCTURES = (_call_itself, _nest, _make_huge, _cycle, _swap_op, _swap_op, _retype)
