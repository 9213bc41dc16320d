# SPDX-License-Identifier: Apache-2.0
"""Digests of the input files of a sweep, which tie a result to the exact files."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from pathlib import Path

from snncc.errors import DataError
from snncc.io.digests import model_digest
from snncc.io.images import image_files
from snncc.io.model_reader import read_model

__all__ = ["data_digest", "file_digest"]


def file_digest(model: Path) -> str:
    """SHA-256 of a model with its external weights.

    Raises:
        ModelError: it cannot be read.
    """
    return model_digest(read_model(model, copy=False))


def data_digest(data: Path) -> str:
    """SHA-256 of a file of arrays, or of the names and contents of a folder's images.

    Raises:
        DataError: it cannot be read.
    """
    try:
        if not data.is_dir():
            return _of_file(data, *_stamp(data))
        digest = hashlib.sha256()
        for image in image_files(data):
            digest.update(f"{image.name}\0{_of_file(image, *_stamp(image))}\n".encode())
        return digest.hexdigest()
    except OSError as error:
        message = f"{data}: cannot be read ({error.strerror})"
        raise DataError(f"{message}. Give an .npy or .npz file, or a folder of images.") from error


def _stamp(path: Path) -> tuple[int, int]:
    found = path.stat()
    return found.st_size, found.st_mtime_ns


@lru_cache(maxsize=65536)
def _of_file(path: Path, _size: int, _modified: int) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
