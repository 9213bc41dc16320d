# SPDX-License-Identifier: Apache-2.0
"""Values of constants: in memory, or in a file if they are large."""

from __future__ import annotations

import numpy as np
import onnx
import onnx_graphsurgeon as gs
from onnx import helper
from onnx_graphsurgeon.ir.tensor import LazyValues

from snncc.ops.arrays import Array
from snncc.storage.mapped import Stored, is_mapped, put_aside, refer, stored_of

__all__ = ["InFile", "held", "in_file", "is_huge", "stored_or_held"]

_HUGE = 2**20  # bytes; constants that are not even written down to infer shapes


class InFile(LazyValues):  # type: ignore[misc]
    """The values of a constant that stay in a file; graphsurgeon writes `tensor` without reading them."""

    def __init__(self, stored: Stored) -> None:
        self._stored = stored
        self.shape, self.dtype, self.nbytes = list(stored.shape), stored.dtype, stored.nbytes

    @property
    def tensor(self) -> onnx.TensorProto:
        """A new proto, to be named by the caller."""
        kind = helper.np_dtype_to_tensor_dtype(self.dtype)
        proto = onnx.TensorProto(dims=self.shape, data_type=kind)
        refer(proto, self._stored.file, self._stored.offset)
        return proto

    def load(self) -> Array:
        """The values, read-only and memory-mapped: pages are loaded on access, and released with the array."""
        return self._stored.load()


def held(constant: gs.Constant) -> Array | InFile:
    """The values of a constant of graphsurgeon's as they are held here."""
    lazy = constant._values
    if isinstance(lazy, LazyValues) and isinstance(lazy.tensor, onnx.TensorProto) and is_mapped(lazy.tensor):
        return InFile(stored_of(lazy.tensor))
    return stored_or_held(np.asarray(constant.values))


def stored_or_held(value: Array) -> Array | InFile:
    """`value`, in a file if it is large."""
    stored = put_aside(value)
    return InFile(stored) if stored else value


def in_file(constant: gs.Constant) -> bool:
    """Whether the values stay in a file."""
    return isinstance(constant._values, InFile)


def is_huge(constant: gs.Constant) -> bool:
    """Whether shapes are inferred without the values."""
    return bool(in_file(constant) or constant._values.nbytes > _HUGE)
