# SPDX-License-Identifier: Apache-2.0
"""Cache of converted models: one per configuration, written atomically by any number of processes."""

from __future__ import annotations

from pathlib import Path

import onnx

from snncc.errors import OutputError
from snncc.io.atomic_write import clear_temporary, weight_files, write_model

__all__ = ["converted_path", "discard", "keep"]


def converted_path(folder: Path, configuration: str) -> Path:
    """The path of a configuration's converted model."""
    return folder / f"{configuration}.onnx"


def keep(model: onnx.ModelProto, path: Path) -> None:
    """Write `model` to `path`, above 2 GB with its large weights in a separate file.

    Raises:
        OutputError: it cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        message = f"{path.parent}: the folder of converted models cannot be made ({error.strerror or error})"
        raise OutputError(f"{message}. Let the results go to another folder.") from error
    write_model(path, model)


def discard(path: Path) -> None:
    """Remove the files of `keep`, and temporary files of killed processes."""
    clear_temporary(path.parent)
    for file in (path, *weight_files(path)):
        file.unlink(missing_ok=True)
