# SPDX-License-Identifier: Apache-2.0
"""Temporary folders; folders left behind by killed processes are removed when the next one is made."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from snncc.storage.locks import HAS_LOCKS, lock

__all__ = ["temporary_folder"]

_PREFIX, _LOCK = "snncc-", ".lock"


@contextmanager
def temporary_folder() -> Iterator[Path]:
    """A new folder for temporary files, removed at the end by the process that made it.

    Raises:
        OSError: there is no room, or no place for temporary files.
    """
    _clear()
    owner = os.getpid()
    folder = Path(tempfile.mkdtemp(prefix=_PREFIX))
    try:
        with _locked(folder):
            yield folder
    finally:
        if os.getpid() == owner:  # not in a process that was forked from it
            shutil.rmtree(folder, ignore_errors=True)


def _locked(folder: Path) -> IO[bytes]:
    """The file whose lock marks the folder as in use; it gets its name after it is locked."""
    unnamed = folder / f"{_LOCK}-"
    file = unnamed.open("wb")
    lock(file)
    unnamed.replace(folder / _LOCK)
    return file


def _clear() -> None:
    """Remove the folders of killed processes."""
    if not HAS_LOCKS:
        return
    for old in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*/{_LOCK}"):
        with suppress(OSError):
            if old.parent.stat().st_uid == os.getuid():
                with old.open("rb") as file:
                    if lock(file):
                        shutil.rmtree(old.parent, ignore_errors=True)
