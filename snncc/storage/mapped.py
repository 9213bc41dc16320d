# SPDX-License-Identifier: Apache-2.0
"""Large weights in files: a TensorProto names the file, and its values are memory-mapped on use.

A model therefore only needs memory for its small weights, and for the large one in use. An untrusted model cannot name
a file in this way: the reference contains a random token of the process.

Weights that a conversion makes are stored in temporary files. Each exists as long as a graph holds it, and as long as
the `left_in_files` context in which a model with it was returned.
"""

from __future__ import annotations

import atexit
import functools
import os
import secrets
import sys
import tempfile
import weakref
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from contextvars import ContextVar
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import helper, numpy_helper

from snncc.storage.temporary import temporary_folder

__all__ = [
    "Stored",
    "array_of",
    "hand_over",
    "is_large",
    "is_mapped",
    "left_in_files",
    "mapped_in",
    "may_be_mapped",
    "put_aside",
    "refer",
    "stored_of",
    "values_of",
]

Array = npt.NDArray[Any]

_SMALLEST = 2**22  # bytes; smaller weights are not worth a file
_BLOCK = 2**24  # bytes that are written at a time
_WORD = secrets.token_hex(16)
_PLAIN = frozenset("iufb")  # element types with the same layout in a file as in numpy

_files: weakref.WeakValueDictionary[str, _Temporary] = weakref.WeakValueDictionary()
_held: ContextVar[list[_Temporary] | None] = ContextVar("snncc_held", default=None)


@functools.cache
def _folder(_process: int, _place: str) -> Path:
    """Where this process has its temporary files, until it ends."""
    stack = ExitStack()
    folder = stack.enter_context(temporary_folder())
    atexit.register(stack.close)
    return folder


class _Temporary:
    """A temporary file, which goes away with this."""

    def __init__(self, path: Path) -> None:
        self.path = path
        weakref.finalize(self, _remove, path, os.getpid())
        _files[str(path)] = self


def _remove(path: Path, owner: int) -> None:
    if owner == os.getpid():  # not in a process that was forked from it
        path.unlink(missing_ok=True)


class Stored:
    """Values of a weight in a file: `shape` and `dtype` of the data at `offset` bytes."""

    def __init__(self, file: Path, offset: int, shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
        self.file, self.offset, self.shape, self.dtype = file, offset, shape, dtype
        self.nbytes = int(np.prod(shape, dtype=np.int64)) * dtype.itemsize
        self._file = _files.get(str(file))  # keeps it

    def load(self) -> Array:
        """The values, memory-mapped again on each call: the pages are released with the array."""
        return np.asarray(np.memmap(self.file, self.dtype, "r", self.offset, self.shape))


def is_large(length: int) -> bool:
    """Whether data of this many bytes should be stored in a file."""
    return length >= _SMALLEST


def may_be_mapped(tensor: onnx.TensorProto, length: int) -> bool:
    """Whether the values of `tensor`, of this size in bytes in a file, should stay there."""
    if not is_large(length) or sys.byteorder != "little" or not tensor.dims:
        return False
    try:
        dtype = np.dtype(helper.tensor_dtype_to_np_dtype(tensor.data_type))
    except KeyError:  # of no known type
        return False
    return dtype.kind in _PLAIN and dtype.isbuiltin == 1 and length == dtype.itemsize * int(np.prod(tensor.dims))


def refer(tensor: onnx.TensorProto, file: Path, offset: int) -> None:
    """Make the values of `tensor` refer to the file."""
    tensor.ClearField("raw_data")
    del tensor.external_data[:]
    tensor.data_location = onnx.TensorProto.EXTERNAL
    for key, value in (("location", _WORD), ("file", os.path.realpath(file)), ("offset", str(offset))):
        tensor.external_data.add(key=key, value=value)


def is_mapped(tensor: onnx.TensorProto) -> bool:
    """Whether the values of `tensor` are in a file set by `refer`."""
    external = tensor.data_location == onnx.TensorProto.EXTERNAL
    return external and any(e.key == "location" and e.value == _WORD for e in tensor.external_data)


def mapped_in(graph: onnx.GraphProto) -> Iterator[onnx.TensorProto]:
    """The mapped weights of `graph` and its subgraphs."""
    yield from filter(is_mapped, graph.initializer)
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.HasField("g"):
                yield from mapped_in(attribute.g)


def stored_of(tensor: onnx.TensorProto) -> Stored:
    """The location of the values of a mapped `tensor`."""
    entry = {e.key: e.value for e in tensor.external_data}
    dtype = np.dtype(helper.tensor_dtype_to_np_dtype(tensor.data_type))
    return Stored(Path(entry["file"]), int(entry["offset"]), tuple(tensor.dims), dtype)


def array_of(tensor: onnx.TensorProto) -> Array:
    """The values of a tensor that is mapped or not external."""
    return stored_of(tensor).load() if is_mapped(tensor) else numpy_helper.to_array(tensor)


def values_of(weight: onnx.TensorProto) -> bytes | memoryview:
    """The values in the layout of a file."""
    if is_mapped(weight):
        return stored_of(weight).load().data.cast("B")
    stored = weight if weight.HasField("raw_data") else numpy_helper.from_array(numpy_helper.to_array(weight))
    return bytes(stored.raw_data)


def put_aside(value: Array) -> Stored | None:
    """Store `value`, if large, in a temporary file; None if it is small, or there is not enough space."""
    if not is_large(value.nbytes) or value.dtype.kind not in _PLAIN or value.dtype.isbuiltin != 1 or not value.ndim:
        return None
    try:
        folder = _folder(os.getpid(), tempfile.gettempdir())
        with tempfile.NamedTemporaryFile("wb", suffix=".weight", dir=folder, delete=False) as file:
            kept = _Temporary(Path(file.name))
            rows = max(1, _BLOCK * len(value) // value.nbytes)
            for start in range(0, len(value), rows):
                file.write(np.ascontiguousarray(value[start : start + rows]).data)
    except OSError:  # no room: then it is to fit into memory
        return None
    return Stored(kept.path, 0, value.shape, value.dtype)


@contextmanager
def left_in_files() -> Iterator[None]:
    """Context in which conversions return models whose large weights stay in files, which exist until it ends."""
    token = _held.set([])
    try:
        yield
    finally:
        _held.reset(token)


def hand_over(model: onnx.ModelProto) -> None:
    """Make `model` independent of its source graph; its weights are copied into it, or are `left_in_files`."""
    held = _held.get()
    for tensor in mapped_in(model.graph):
        if held is None:
            values = bytes(values_of(tensor))
            tensor.ClearField("data_location")
            del tensor.external_data[:]
            tensor.raw_data = values
        else:
            with suppress(KeyError):
                held.append(_files[str(stored_of(tensor).file)])
