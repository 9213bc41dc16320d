# SPDX-License-Identifier: Apache-2.0
"""The library's plain C functions, without onnxruntime: for tests, benchmarks, and arrays of other packages."""

from __future__ import annotations

import ctypes
import weakref
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from snncc.io.native_library import get_library_path
from snncc.ops.arrays import Array

__all__ = ["Library", "Neuron"]

# onnx's numbers of the element types that neurons have.
_ELEMENT_TYPES = {"float32": 1, "float16": 10, "float64": 11}


class _Attribute(ctypes.Structure):
    _fields_ = (
        ("name", ctypes.c_char_p),
        ("floats", ctypes.POINTER(ctypes.c_float)),
        ("count", ctypes.c_int64),
        ("integer", ctypes.c_int64),
    )


class _Array(ctypes.Structure):
    _fields_ = (("data", ctypes.c_void_p), ("shape", ctypes.POINTER(ctypes.c_int64)), ("rank", ctypes.c_int64))


class _Arrays(ctypes.Structure):
    _fields_ = (
        ("inputs", ctypes.POINTER(_Array)),
        ("input_count", ctypes.c_int64),
        ("outputs", ctypes.POINTER(_Array)),
        ("output_count", ctypes.c_int64),
    )


def _attribute(name: str, value: Any) -> _Attribute:
    """A float, or a sequence of them, as `floats`, so that it need not be known which of them an op asks for."""
    floats = np.atleast_1d(np.asarray(value, np.float32)).tolist()
    integer = value if isinstance(value, int) else 0
    return _Attribute(name.encode(), (ctypes.c_float * len(floats))(*floats), len(floats), integer)


def _arrays(arrays: Iterable[Array | None], addresses: Sequence[int | None] | None) -> Any:
    listed = list(arrays)
    if addresses is None:
        addresses = [None if array is None else array.ctypes.data for array in listed]
    made = (_Array * len(listed))()
    for index, (array, address) in enumerate(zip(listed, addresses, strict=True)):
        if array is not None:
            made[index] = _Array(address, (ctypes.c_int64 * array.ndim)(*array.shape), array.ndim)
    return made


class Neuron:
    """A node's kernel with its arrays, ready to be called any number of times.

    Inputs and attributes are what `OpDef.reference` takes; `outputs` has an array for each that is wanted, None for
    the others. `addresses`, of all inputs and outputs, replaces where their arrays are, for a device that holds them.
    """

    def __init__(
        self,
        op: str,
        inputs: Sequence[Array],
        attributes: Mapping[str, Any],
        outputs: Sequence[Array | None],
        addresses: Sequence[int | None] | None = None,
    ) -> None:
        inputs = [np.asarray(array, order="C") for array in inputs]
        if any(array is not None and not array.flags.c_contiguous for array in outputs):
            raise ValueError("an output array is not contiguous; give one that is, and copy from there")
        library = _load()
        listed = [_attribute(name, value) for name, value in attributes.items()]
        self._kernel = ctypes.c_void_p()
        kind = _ELEMENT_TYPES[str(inputs[0].dtype)]
        made = (_Attribute * len(listed))(*listed)
        on_device = int(addresses is not None)
        _check(library.snncc_create(op.encode(), kind, on_device, made, len(listed), ctypes.byref(self._kernel)))
        weakref.finalize(self, library.snncc_destroy, self._kernel)
        first, rest = (None, None) if addresses is None else (addresses[: len(inputs)], addresses[len(inputs) :])
        self._arrays = _Arrays(_arrays(inputs, first), len(inputs), _arrays(outputs, rest), len(outputs))
        self._kept_alive = (inputs, outputs)
        self._compute = library.snncc_compute

    def run(self, stream: int | None = None) -> None:
        """Compute in this thread, or start the kernel on the GPU; `stream` is a cudaStream_t."""
        _check(self._compute(self._kernel, ctypes.byref(self._arrays), ctypes.c_void_p(stream)))


class Library:
    """The native library, loaded once per process and shared by all instances."""

    def __init__(self) -> None:
        self._library = _load()

    @property
    def cpu_variant(self) -> str:
        """The instruction set in use: "avx512", "avx2" or "plain"."""
        return str(self._library.snncc_cpu_variant().decode())

    def use_cpu_variant(self, name: str) -> bool:
        """Select another instruction set; False if this machine or this build does not support it."""
        return bool(self._library.snncc_use_cpu_variant(name.encode()))

    @property
    def has_cuda(self) -> bool:
        """Whether the library was built with CUDA kernels."""
        return bool(self._library.snncc_has_cuda())


def _load() -> ctypes.CDLL:
    library = ctypes.CDLL(str(get_library_path()))
    for function in (library.snncc_cpu_variant, library.snncc_create, library.snncc_compute):
        function.restype = ctypes.c_char_p
    library.snncc_create.argtypes = (
        ctypes.c_char_p,
        ctypes.c_int,
        ctypes.c_int,
        ctypes.POINTER(_Attribute),
        ctypes.c_int64,
        ctypes.POINTER(ctypes.c_void_p),
    )
    library.snncc_destroy.restype = None
    return library


def _check(message: bytes | None) -> None:
    if message is not None:
        raise ValueError(message.decode())
