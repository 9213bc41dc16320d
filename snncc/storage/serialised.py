# SPDX-License-Identifier: Apache-2.0
"""Serialise a model piece by piece as protobuf does, with the values of mapped weights in place.

The bytes equal those of `SerializeToString(deterministic=True)` for the same model with all its weights in memory, so
that digests and files do not depend on the storage of the weights.
"""

from __future__ import annotations

from collections.abc import Iterator

import onnx
from google.protobuf.message import Message

from snncc.storage.mapped import is_mapped, mapped_in, stored_of, values_of

__all__ = ["serialised", "varint"]

Piece = bytes | onnx.TensorProto  # the latter is a mapped weight, whose values are inserted here

_NESTED = 2  # protobuf's wire type of length-delimited fields
_RAW_DATA = onnx.TensorProto.DESCRIPTOR.fields_by_name["raw_data"].number


def serialised(model: onnx.ModelProto) -> Iterator[bytes | memoryview]:
    """Yield the pieces, with one large weight at a time in memory."""
    for piece in _pieces(model):
        yield values_of(piece) if isinstance(piece, onnx.TensorProto) else piece


def _pieces(message: Message) -> list[Piece]:
    """The bytes of one message, its fields in the order of their numbers."""
    if isinstance(message, onnx.TensorProto) and is_mapped(message):
        return _of_weight(message)
    if not _holds_mapped(message):
        return [message.SerializeToString(deterministic=True)]
    pieces: list[Piece] = []
    for field, value in message.ListFields():
        inside = field.message_type is not None
        parts = ([value] if isinstance(value, Message) else list(value)) if inside else []
        if any(map(_holds_mapped, parts)):
            for part in parts:
                pieces += _nested(field.number, _pieces(part))
        else:
            pieces.append(_field(message, field.name))
    return pieces


def _of_weight(weight: onnx.TensorProto) -> list[Piece]:
    """The bytes of a mapped weight, as if it had its values."""
    before, behind = onnx.TensorProto(), onnx.TensorProto()
    for field, _ in weight.ListFields():
        if field.name not in ("external_data", "data_location"):
            part = onnx.TensorProto()
            part.ParseFromString(_field(weight, field.name))
            (before if field.number < _RAW_DATA else behind).MergeFrom(part)
    values = _nested(_RAW_DATA, [weight])
    return [before.SerializeToString(deterministic=True), *values, behind.SerializeToString(deterministic=True)]


def _field(message: Message, name: str) -> bytes:
    """The bytes of one field."""
    alone = type(message)()
    value = getattr(message, name)
    if isinstance(value, Message):
        getattr(alone, name).CopyFrom(value)
    elif isinstance(value, str | bytes | int | float):
        setattr(alone, name, value)
    else:
        getattr(alone, name).extend(value)
    return bytes(alone.SerializeToString(deterministic=True))


def _nested(number: int, pieces: list[Piece]) -> list[Piece]:
    """A field that holds `pieces`."""
    length = sum(len(p) if isinstance(p, bytes) else stored_of(p).nbytes for p in pieces)
    return [varint(number << 3 | _NESTED) + varint(length), *pieces]


def varint(number: int) -> bytes:
    """A number in protobuf's encoding: seven bits per byte, the lowest first."""
    found = bytearray()
    while number > 0x7F:
        found.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*found, number])


def _holds_mapped(message: Message) -> bool:
    match message:
        case onnx.TensorProto():
            return is_mapped(message)
        case onnx.ModelProto():
            return _holds_mapped(message.graph)
        case onnx.GraphProto():
            return any(True for _ in mapped_in(message))
        case onnx.NodeProto():
            return any(_holds_mapped(attribute) for attribute in message.attribute)
        case onnx.AttributeProto():
            return message.HasField("g") and _holds_mapped(message.g)
        case _:
            return False
