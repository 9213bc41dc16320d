# SPDX-License-Identifier: Apache-2.0
"""Write files atomically: under a temporary name in the same folder, then renamed.

A model of more than 2 GB consists of two files. The weights are named by their content and written first, the graph
that names them last. The graph under the final name, old or new, therefore always has its own weights.
"""

from __future__ import annotations

import errno
import hashlib
import os
import re
import secrets
import stat
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import IO, TYPE_CHECKING

from snncc.errors import OutputError
from snncc.storage.locks import HAS_LOCKS, lock

if TYPE_CHECKING:
    import onnx

__all__ = ["clear_temporary", "require_writable", "weight_files", "write_model", "write_whole"]

_TEMPORARY = (".snncc-", ".part")


def require_writable(path: Path) -> None:
    """Raise OutputError if `path` cannot be written, before any work for its content."""
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        mode = None
    except OSError as error:
        raise OutputError(f"{path}: cannot be written ({_reason(error)}). Give another name.") from error
    if mode is not None and stat.S_ISDIR(mode):
        raise OutputError(f"{path}: is a folder. Give the name of a file in it.")
    if mode is not None and not mode & 0o222:
        raise OutputError(f"{path}: is read-only. Remove it, make it writable, or give another name.")
    if not path.parent.is_dir():
        raise OutputError(f"{path}: the folder '{path.parent}' is not there. Make it first.")
    if not os.access(path.parent, os.W_OK):
        raise OutputError(f"{path}: the folder '{path.parent}' is not writable. Choose another one.")


def write_model(path: Path, model: onnx.ModelProto) -> int:
    """Write `model` to `path`, above 2 GB with its large weights in a separate file; return the bytes written.

    Raises:
        OutputError: as `write_whole` does.
    """
    from snncc.io.large_models import fits_one_file, parts
    from snncc.storage.mapped import values_of
    from snncc.storage.serialised import serialised

    written, beside = 0, None
    if not fits_one_file(model):
        _, weights = parts(model, "")
        beside = _write_by_content(path, map(values_of, weights))
        written = beside.stat().st_size
        model, _ = parts(model, beside.name)
    written += write_whole(path, serialised(model))
    for old in weight_files(path):
        if beside is None or old.name != beside.name:  # the one may be given from here, the other from the root
            old.unlink(missing_ok=True)
    return written


def weight_files(path: Path) -> list[Path]:
    """The weight files that `write_model` wrote for the model `path`, by name."""
    ours = re.compile(re.escape(_short(path.name)) + r"\.[0-9a-f]{16}\.data")
    with suppress(OSError):
        return sorted(file for file in path.parent.iterdir() if ours.fullmatch(file.name))
    return []


def write_whole(path: Path, data: bytes | Iterable[bytes | memoryview]) -> int:
    """Write `data` to `path` atomically: the old content stays until all of it is written. Returns the bytes written.

    Raises:
        OutputError: the folder is missing or not writable, the disk is full. Nothing is left behind.
    """
    require_writable(path)
    pieces = [data] if isinstance(data, bytes) else data
    with _explained(path):
        if path.exists() and not path.is_file():  # a device or a pipe, which must not be replaced
            with path.open("wb") as file:
                return sum(map(file.write, pieces))
        with _temporary(path.resolve()) as (part, rename):
            written = sum(map(part.write, pieces))
            rename(path.resolve())
            return written


def _write_by_content(path: Path, chunks: Iterable[bytes | memoryview]) -> Path:
    """Write `chunks` next to `path`, under a name that contains their digest."""
    require_writable(path)
    digest = hashlib.sha256()
    target = path.resolve()
    with _explained(path), _temporary(target) as (file, rename):
        for chunk in chunks:
            digest.update(chunk)
            file.write(chunk)
        return rename(target.with_name(f"{_short(path.name)}.{digest.hexdigest()[:16]}.data"))


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        hint = "Free some space or choose another folder."
        raise OutputError(f"{path}: cannot be written ({_reason(error)}). {hint}") from error


@contextmanager
def _temporary(target: Path) -> Iterator[tuple[IO[bytes], Callable[[Path], Path]]]:
    """A new file in the folder of `target`, and a function that gives it its final name; otherwise it is removed."""
    clear_temporary(target.parent)
    mode = target.stat().st_mode & 0o777 if target.exists() else None
    file = _locked(target.parent, 0o666 if mode is None else mode)
    name = Path(file.name)

    def rename(final: Path) -> Path:
        file.flush()
        os.fsync(file.fileno())
        if not HAS_LOCKS:  # Windows renames no file that is open
            file.close()
        if mode is not None:
            name.chmod(mode)  # which the umask may have taken from
        return name.replace(final)

    with file:
        try:
            yield file, rename
        finally:
            name.unlink(missing_ok=True)


def _locked(folder: Path, mode: int) -> IO[bytes]:
    """A new temporary file in `folder`; while it is open, `clear_temporary` of any process leaves it alone."""
    prefix, suffix = _TEMPORARY
    while True:
        name = folder / f"{prefix}{secrets.token_hex(8)}{suffix}"
        file = open(name, "xb", opener=partial(os.open, mode=mode))  # noqa: SIM115 (Path.open has no opener)
        with suppress(FileNotFoundError):  # cleared between the two
            if lock(file) and Path(file.name).stat().st_ino == os.fstat(file.fileno()).st_ino:
                return file
        file.close()


def clear_temporary(folder: Path) -> None:
    """Remove temporary files of killed processes in `folder`."""
    prefix, suffix = _TEMPORARY
    for old in folder.glob(f"{prefix}*{suffix}"):
        with suppress(OSError), old.open("rb") as file:
            if lock(file):
                old.unlink()


def _short(name: str) -> str:
    """`name`, shortened so that a digest and a suffix fit after it."""
    return os.fsencode(name)[:200].decode(errors="ignore")


def _reason(error: OSError) -> str:
    known = {errno.ELOOP: "its links lead in a circle", errno.ENAMETOOLONG: "the name is too long"}
    return known.get(error.errno or 0, "") or error.strerror or str(error)
