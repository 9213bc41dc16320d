# SPDX-License-Identifier: Apache-2.0
"""The library's plain C functions, without onnxruntime: for tests, benchmarks, and arrays of other packages."""

from __future__ import annotations

import ctypes
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from snncc.ops.registry import Array
from snncc.runtime.library import get_library_path

__all__ = ["ELEMENT_TYPES", "Library", "Neuron"]

# onnx's numbers of the element types that neurons have.
ELEMENT_TYPES = {"float32": 1, "float16": 10, "float64": 11}


class _Broadcast(ctypes.Structure):
    _fields_ = (("data", ctypes.c_void_p), ("channels", ctypes.c_int64), ("inner", ctypes.c_int64))


class _Tensors(ctypes.Structure):
    _fields_ = (
        ("type", ctypes.c_int32),
        ("size", ctypes.c_int64),
        ("x", ctypes.c_void_p),
        ("residual", ctypes.c_void_p),
        ("y", ctypes.c_void_p),
        ("count", ctypes.c_void_p),
        ("scale", _Broadcast),
        ("weight", _Broadcast),
    )


class _Neuron(ctypes.Structure):
    _fields_ = (
        ("tensors", _Tensors),
        ("levels", ctypes.c_void_p),
        ("thresholds", ctypes.c_void_p),
        ("last_thresholds", ctypes.c_void_p),
        ("steps", ctypes.c_int64),
        ("max_spikes", ctypes.c_int64),
        ("is_signed", ctypes.c_int64),
    )


def _pointer(array: Array | int | None) -> int | None:
    return array.ctypes.data if isinstance(array, np.ndarray) else array


def _broadcast(shape: tuple[int, ...], parameter: Array, address: int | None) -> _Broadcast:
    wide = [axis - parameter.ndim for axis, size in enumerate(parameter.shape) if size != 1]
    if not wide:
        return _Broadcast(address, 1, 1)
    return _Broadcast(address, parameter.size, math.prod(shape[len(shape) + wide[0] + 1 :]))


class Neuron:
    """One call, ready to be made: a node's inputs and attributes, as `OpDef.reference` takes them, and its outputs.

    `addresses` replaces the addresses of the inputs' arrays, in order, for arrays that live on a device; `y` and
    `count` may be addresses too.
    """

    def __init__(
        self,
        inputs: Sequence[Array],
        attributes: Mapping[str, Any],
        y: Array | int,
        count: Array | int | None = None,
        addresses: Sequence[int] | None = None,
    ) -> None:
        names = ("levels", "thresholds", "last_thresholds")
        tables = [np.asarray(attributes[name], np.float32) if name in attributes else None for name in names]
        x, scale = inputs[:2]
        places = [_pointer(array) for array in inputs] if addresses is None else list(addresses)
        tensors = _Tensors(ELEMENT_TYPES[str(x.dtype)], x.size, places[0], None, _pointer(y), _pointer(count))
        tensors.scale = _broadcast(x.shape, scale, places[1])
        if len(inputs) == 4:
            tensors.residual = places[2]
            tensors.weight = _broadcast(x.shape, inputs[3], places[3])
        limits = (attributes.get("max_spikes", 1), attributes.get("signed", 0))
        self.call = _Neuron(tensors, *(_pointer(table) for table in tables), len(attributes["levels"]), *limits)
        self.inputs = inputs
        self._kept_alive = (tables, y, count)


class Library:
    """The native library, loaded once per process however many of these there are."""

    def __init__(self) -> None:
        self._library = ctypes.CDLL(str(get_library_path()))
        self._library.snncc_cpu_variant.restype = ctypes.c_char_p
        self._library.snncc_neuron_cpu.restype = ctypes.c_char_p
        self._library.snncc_neuron_cuda.restype = ctypes.c_char_p

    @property
    def cpu_variant(self) -> str:
        """The instruction set in use: "avx512", "avx2" or "plain"."""
        return str(self._library.snncc_cpu_variant().decode())

    def use_cpu_variant(self, name: str) -> bool:
        """Use another instruction set from now on; False if this machine, or this build, has it not."""
        return bool(self._library.snncc_use_cpu_variant(name.encode()))

    @property
    def has_cuda(self) -> bool:
        """Whether the library was built with CUDA kernels."""
        return bool(self._library.snncc_has_cuda())

    def run(self, neuron: Neuron) -> None:
        """Compute on the CPU, in this thread."""
        _check(self._library.snncc_neuron_cpu(ctypes.byref(neuron.call)))

    def run_cuda(self, neuron: Neuron, stream: int | None = None) -> None:
        """Start the kernel on the GPU; `stream` is a cudaStream_t, the default one if absent."""
        _check(self._library.snncc_neuron_cuda(ctypes.byref(neuron.call), ctypes.c_void_p(stream)))


def _check(message: bytes | None) -> None:
    if message is not None:
        raise ValueError(message.decode())
