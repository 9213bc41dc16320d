# SPDX-License-Identifier: Apache-2.0
"""Arrays of an .npz archive, read row by row on demand: only one batch is in memory."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import IO, Any

import numpy as np
import numpy.typing as npt
from numpy.lib import format as npy

__all__ = ["UNREADABLE", "Archive", "StoredArray", "read_header"]

Array = npt.NDArray[Any]

# What reading a damaged archive raises; RuntimeError: with a password, or compressed in a way that is not known.
UNREADABLE = (OSError, ValueError, EOFError, RuntimeError, zipfile.BadZipFile, zlib.error)

_BLOCK = 2**20  # bytes skipped at a time


class StoredArray:
    """An array [n, …] in an open archive. Slices of the first axis are read, most efficiently in ascending order.

    Args:
        failed: the exception to raise for one that reading raises.
    """

    def __init__(
        self, archive: zipfile.ZipFile, member: str, failed: Callable[[Exception], Exception], rows: slice = slice(None)
    ) -> None:
        self._archive, self._member, self._failed = archive, member, failed
        self._begin()
        start, stop, _ = rows.indices(self._shape[0])
        self._start, self.dtype = start, self._dtype
        self.shape = (max(0, stop - start), *self._shape[1:])
        self.ndim = len(self.shape)
        self._row = self.dtype.itemsize * int(np.prod(self.shape[1:], dtype=np.int64))

    def __len__(self) -> int:
        return int(self.shape[0])

    def __getitem__(self, rows: slice) -> Array:
        """The rows of a slice without a step."""
        start, stop, _ = rows.indices(len(self))
        count = max(0, stop - start)
        with self._explained():
            self._go_to(self._start + start)
            content = self._read(count * self._row)
        self._position += count
        return np.frombuffer(content, self.dtype).reshape(count, *self.shape[1:])

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:
        values = np.asarray(self[:], dtype=dtype)
        return values.copy() if copy else values  # numpy 1.26 knows no copy=None

    def between(self, start: int, stop: int) -> StoredArray:
        """The rows from `start` up to `stop`."""
        return StoredArray(self._archive, self._member, self._failed, slice(start, stop))

    def _begin(self) -> None:
        self._stream: IO[bytes] = self._archive.open(self._member)
        self._shape, self._dtype = read_header(self._stream)[::2]
        self._position = 0

    def _go_to(self, row: int) -> None:
        if row < self._position:
            self._begin()
        left = (row - self._position) * self._row
        while left:
            left -= len(self._read(min(left, _BLOCK)))
        self._position = row

    def _read(self, length: int) -> bytes:
        content = self._stream.read(length)
        if len(content) < length:
            raise EOFError("the array is cut short")
        return content

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except UNREADABLE as cause:
            raise self._failed(cause) from cause


class Archive(Mapping[str, "StoredArray | Array"]):
    """The arrays of an open .npz file by name; `failed` as for `StoredArray`."""

    def __init__(self, archive: zipfile.ZipFile, failed: Callable[[Exception], Exception]) -> None:
        self._archive, self._failed = archive, failed
        self._members = {name.removesuffix(".npy"): name for name in archive.namelist()}

    def __getitem__(self, key: str) -> StoredArray | Array:
        """An array; one without rows, or with its first axis last in memory, is read at once."""
        member = self._members[key]
        with self._archive.open(member) as stream:
            shape, by_columns, dtype = read_header(stream)
        if dtype.hasobject:
            raise ValueError("objects are not read")
        if shape and not by_columns and np.prod(shape[1:]):
            return StoredArray(self._archive, member, self._failed)
        with self._archive.open(member) as stream:
            found: Array = npy.read_array(stream, allow_pickle=False)
        return found

    def __iter__(self) -> Iterator[str]:
        return iter(self._members)

    def __len__(self) -> int:
        return len(self._members)


def read_header(stream: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    """Shape, order (Fortran or C) and element type, from the header of an array in numpy's format.

    Raises:
        ValueError: that is no start of an array.
    """
    read = npy.read_array_header_1_0 if npy.read_magic(stream) == (1, 0) else npy.read_array_header_2_0
    try:
        shape, by_columns, dtype = read(stream)
    except Exception as cause:  # those of a parser of Python among them
        raise ValueError("the header of the array is damaged") from cause
    if any(length < 0 for length in shape):
        raise ValueError("a length is negative")
    return shape, by_columns, dtype
