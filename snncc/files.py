# SPDX-License-Identifier: Apache-2.0
"""Writes files whole or not at all: under a temporary name in the same folder, then renamed."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from snncc.errors import OutputError

if TYPE_CHECKING:
    import onnx

__all__ = ["require_writable", "weights_of", "write_model", "write_whole"]


def require_writable(path: Path) -> None:
    """Raise OutputError if `path` cannot be written, before any work has gone into what it shall hold."""
    if path.is_dir():
        raise OutputError(f"{path}: is a folder. Give the name of a file in it.")
    if not path.parent.is_dir():
        raise OutputError(f"{path}: the folder '{path.parent}' is not there. Make it first.")
    if not os.access(path.parent, os.W_OK):
        raise OutputError(f"{path}: the folder '{path.parent}' is not writable. Choose another one.")


def write_model(path: Path, model: onnx.ModelProto) -> int:
    """Write `model` to `path`, one over 2 GB with its large weights beside it, in PATH.data; return the bytes written.

    Raises:
        OutputError: as `write_whole` does.
    """
    from snncc.large import fits_one_file, parts, values_of

    beside = weights_of(path)
    written = 0
    if not fits_one_file(model):
        model, weights = parts(model, beside.name)
        _write(beside, map(values_of, weights))
        written = beside.stat().st_size
    data = model.SerializeToString(deterministic=True)
    write_whole(path, data)
    return written + len(data)


def weights_of(path: Path) -> Path:
    """The file of weights beside a model that is too large for one."""
    return path.with_name(f"{path.name}.data")


def write_whole(path: Path, data: bytes) -> None:
    """Write `data` to `path`; what was there before stays until all of it has been written.

    Raises:
        OutputError: the folder is missing or not writable, the disk is full. Nothing is left behind.
    """
    _write(path, [data])


def _write(path: Path, data: Iterable[bytes]) -> None:
    require_writable(path)
    try:
        if path.exists() and not path.is_file():  # a device or a pipe, which must not be replaced
            with path.open("wb") as file:
                file.writelines(data)
        else:
            _replace(path.resolve(), data)
    except OSError as error:
        hint = "Free some space or choose another folder."
        raise OutputError(f"{path}: cannot be written ({error.strerror or error}). {hint}") from error


def _replace(path: Path, data: Iterable[bytes]) -> None:
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.writelines(data)
            file.flush()
            os.fsync(file.fileno())
        Path(name).chmod(path.stat().st_mode & 0o777 if path.exists() else 0o666 & ~_umask())
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
