# SPDX-License-Identifier: Apache-2.0
"""Open models in onnxruntime: from bytes, with large weights in their files, or from a copy on disk."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import onnx

from snncc.errors import ModelError
from snncc.io.large_models import fits_one_file, lay, parts
from snncc.storage.mapped import mapped_in, stored_of, values_of
from snncc.storage.serialised import serialised
from snncc.storage.temporary import temporary_folder

if TYPE_CHECKING:
    import onnxruntime as ort

__all__ = ["openable"]

_FOLDER = "session.model_external_initializers_file_folder_path"


@contextmanager
def openable(
    model: onnx.ModelProto,
    options: ort.SessionOptions | None = None,
    edit: Callable[[onnx.ModelProto], None] | None = None,
    *,
    reset: bool = True,
) -> Iterator[bytes | str]:
    """The model in a form that onnxruntime opens: its bytes, or above the size limit, the path of a copy on disk.

    With `options`, which change meanwhile, weights in files stay where they are; without `reset` they stay changed, as
    onnxruntime warns about the reset. `edit` changes the copy first; it is not to look at weights.

    Raises:
        ModelError: there is no room for the copy.
    """
    mapped = any(True for _ in mapped_in(model.graph))
    if mapped and options is not None:
        copy = _edited(model, edit)
        with _external_weights(options, _refer_from_one_folder(copy), reset=reset):
            yield copy.SerializeToString()
    elif fits_one_file(model) and not mapped:
        yield (_edited(model, edit) if edit else model).SerializeToString()
    else:
        with temporary_folder() as folder:
            yield _written(model, folder, edit)


@contextmanager
def _external_weights(options: ort.SessionOptions, folder: str, *, reset: bool) -> Iterator[None]:
    """Context in which sessions with these `options` find external weights in `folder`."""
    try:
        before = options.get_session_config_entry(_FOLDER)
    except RuntimeError:
        before = ""  # to onnxruntime the same as none
    options.add_session_config_entry(_FOLDER, folder)
    try:
        yield
    finally:
        if reset:
            options.add_session_config_entry(_FOLDER, before)


def _refer_from_one_folder(copy: onnx.ModelProto) -> str:
    """Convert mapped weights to external ones in files below one folder, as onnxruntime requires;
    returns that folder.
    """
    weights = list(mapped_in(copy.graph))
    files = [os.path.realpath(stored_of(weight).file) for weight in weights]
    folder = os.path.commonpath([Path(file).parent for file in files])
    for weight, file in zip(weights, files, strict=True):
        lay(weight, os.path.relpath(file, folder), stored_of(weight).offset)
    return folder


def _written(model: onnx.ModelProto, folder: Path, edit: Callable[[onnx.ModelProto], None] | None) -> str:
    """The path of a copy in `folder`."""
    sketch, aside = parts(model, "weights")
    if edit:
        edit(sketch)
    try:
        with (folder / "model.onnx").open("wb") as file:
            file.writelines(serialised(sketch))
        with (folder / "weights").open("wb") as file:
            file.writelines(map(values_of, aside))
    except OSError as error:
        raise ModelError(
            f"the model '{model.graph.name}' is over 2 GB and cannot be written to {folder}: {error}. "
            "Set TMPDIR to a folder with room, or save the model with external data and give its path."
        ) from error
    return str(folder / "model.onnx")


def _edited(model: onnx.ModelProto, edit: Callable[[onnx.ModelProto], None] | None) -> onnx.ModelProto:
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    if edit:
        edit(copy)
    return copy
