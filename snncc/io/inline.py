# SPDX-License-Identifier: Apache-2.0
"""Read a model file without loading its large weights, by the field lengths of the protobuf format."""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import onnx
from google.protobuf.message import DecodeError

from snncc.storage.mapped import is_large, may_be_mapped, refer
from snncc.storage.serialised import varint

__all__ = ["sketch_of"]

_RAW_DATA = onnx.TensorProto.DESCRIPTOR.fields_by_name["raw_data"].number
_OP_TYPE = onnx.NodeProto.DESCRIPTOR.fields_by_name["op_type"].number
# Where weights are: messages in which fields of a message, by their numbers.
_INSIDE: dict[str, dict[int, str]] = {
    "ModelProto": {7: "GraphProto"},
    "GraphProto": {1: "NodeProto", 5: "TensorProto"},
    "NodeProto": {5: "AttributeProto"},
    "AttributeProto": {6: "GraphProto"},
}
_SIZES = {1: 8, 5: 4}  # bytes by wire type
_NUMBER, _NESTED = 0, 2


def sketch_of(path: Path) -> onnx.ModelProto | None:
    """The model in the file with mapped large weights; None if the file is small, or not in protobuf's usual layout."""
    with suppress(OSError, ValueError, IndexError, DecodeError):
        if not path.is_file() or not is_large(path.stat().st_size):
            return None
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            model = onnx.ModelProto()
            model.ParseFromString(_shortened(data, 0, len(data), "ModelProto", path))
            return model
    return None


def _shortened(data: mmap.mmap, start: int, stop: int, kind: str, path: Path) -> bytes:
    """A message of this kind, its weights mapped; of nodes only loops have some, as `model_reader` has it, too."""
    if kind == "TensorProto":
        return _weight(data, start, stop, path)
    if kind == "NodeProto" and not _is_loop(data, start, stop):
        return data[start:stop]
    pieces = []
    for number, begin, body, end in _fields(data, start, stop):
        inside = _INSIDE[kind].get(number)
        if inside and is_large(end - body):
            content = _shortened(data, body, end, inside, path)
            pieces += [varint(number << 3 | _NESTED), varint(len(content)), content]
        else:
            pieces.append(data[begin:end])
    return b"".join(pieces)


def _is_loop(data: mmap.mmap, start: int, stop: int) -> bool:
    return any(n == _OP_TYPE and data[body:end] == b"Loop" for n, _, body, end in _fields(data, start, stop))


def _weight(data: mmap.mmap, start: int, stop: int, path: Path) -> bytes:
    """A weight that refers to its values in the file, if they may be mapped."""
    values = [(body, end) for number, _, body, end in _fields(data, start, stop) if number == _RAW_DATA]
    if len(values) == 1:
        fields = (data[begin:end] for number, begin, _, end in _fields(data, start, stop) if number != _RAW_DATA)
        weight = onnx.TensorProto.FromString(b"".join(fields))
        body, end = values[0]
        if may_be_mapped(weight, end - body):
            refer(weight, path, body)
            return bytes(weight.SerializeToString())
    return data[start:stop]


def _fields(data: mmap.mmap, at: int, stop: int) -> Iterator[tuple[int, int, int, int]]:
    """(Number, where it begins, where its content begins, where it ends) of each field of a message."""
    while at < stop:
        begin = at
        key, body = _number(data, at)
        kind = key & 7
        if kind == _NUMBER:
            _, at = _number(data, body)
        elif kind == _NESTED:
            length, body = _number(data, body)
            at = body + length
        elif kind in _SIZES:
            at = body + _SIZES[kind]
        else:
            raise ValueError(f"wire type {kind}")
        if at > stop:
            raise ValueError("a field is longer than its message")
        yield key >> 3, begin, body, at


def _number(data: mmap.mmap, at: int) -> tuple[int, int]:
    """A varint, and where it ends."""
    number = shift = 0
    while True:
        byte = data[at]
        at += 1
        number |= (byte & 0x7F) << shift
        if byte < 0x80:
            return number, at
        shift += 7
