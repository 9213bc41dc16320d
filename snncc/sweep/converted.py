# SPDX-License-Identifier: Apache-2.0
"""The folder of converted models: one per configuration, there whole or not at all, whoever writes it how often."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable
from pathlib import Path

import onnx

from snncc.errors import OutputError
from snncc.large import fits_one_file, parts, values_of

__all__ = ["converted_path", "discard", "keep"]


def converted_path(folder: Path, configuration: str) -> Path:
    """Where a configuration's converted model lies."""
    return folder / f"{configuration}.onnx"


def keep(model: onnx.ModelProto, path: Path) -> None:
    """Write `model` to `path`, one over 2 GB with its large weights beside it.

    Raises:
        OutputError: it cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if not fits_one_file(model):
            model, weights = parts(model, _beside(path).name)
            _write(_beside(path), map(values_of, weights))
        _write(path, [model.SerializeToString(deterministic=True)])
    except OSError as error:
        message = f"{path}: a converted model cannot be written ({error.strerror or error})"
        raise OutputError(f"{message}. Free some space, or let the results go to another folder.") from error


def discard(path: Path) -> None:
    """Remove what `keep` wrote, and what it left behind where it was killed."""
    for file in (path, _beside(path), *path.parent.glob(f".{path.name}.*")):
        file.unlink(missing_ok=True)


def _beside(path: Path) -> Path:
    return path.with_name(f"{path.name}.data")


def _write(path: Path, data: Iterable[bytes]) -> None:
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.writelines(data)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
