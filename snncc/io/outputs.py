# SPDX-License-Identifier: Apache-2.0
"""Reject output paths that would overwrite an input or another output of the same command, before any work.

Files are compared by their identity on disk, so that links and other forms of a path make no difference.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from snncc.errors import OutputError, SnnccError
from snncc.io.atomic_write import require_writable, weight_files

__all__ = ["require_outputs"]

_Identity = tuple[int, int]


def require_outputs(outputs: Mapping[str, Path | None], inputs: Iterable[Path | None]) -> None:
    """Check all files that a command will write.

    Args:
        outputs: Files by the option that names them; None for an option that is not given.
        inputs: What the command reads: models (their external data counts), samples, folders of images, settings.

    Raises:
        OutputError: an output cannot be written, is a file that the command reads, or is named twice.
    """
    given = {option: path for option, path in outputs.items() if path is not None}
    for path in given.values():
        require_writable(path)
    _refuse_twice(given)
    replaced = {option: [f for f in (path, *weight_files(path)) if f.is_file()] for option, path in given.items()}
    if not any(replaced.values()):
        return
    read = {_identity(file): file for path in inputs if path is not None for file in _files_of(path)}
    for option, files in replaced.items():
        for file in files:
            if (source := read.get(_identity(file))) is not None:
                message = f"{file}: would be overwritten by {option}, and is read by this command"
                same = f" as {source}" if source != file else ""
                raise OutputError(f"{message}{same}. Give {option} another name.")


def _refuse_twice(outputs: Mapping[str, Path]) -> None:
    seen: dict[Path, str] = {}
    for option, path in outputs.items():
        place = path.resolve()
        if place in seen and (path.is_file() or not path.exists()):  # a device takes several outputs
            raise OutputError(f"{path}: is named by both {seen[place]} and {option}. Give two files.")
        seen[place] = option


def _identity(file: Path) -> _Identity:
    status = file.stat()
    return status.st_dev, status.st_ino


def _files_of(path: Path) -> Iterator[Path]:
    """The regular files that reading `path` reads; those of a model are its external data, too."""
    from snncc.io.images import image_files
    from snncc.io.model_reader import external_files

    try:
        if path.is_dir():
            yield from (file for file in image_files(path) if file.is_file())
        elif path.is_file():
            yield path
            if path.suffix not in (".npy", ".npz"):
                yield from external_files(path)
    except (OSError, SnnccError):  # reading it reports the error
        return
