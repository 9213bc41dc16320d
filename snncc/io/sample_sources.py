# SPDX-License-Identifier: Apache-2.0
"""Sources of samples: arrays, dicts, iterables of them, .npy and .npz files, folders of images.

Every source becomes a stream of raw chunks {input name: array}; `batches` handles element types and layouts.
"""

from __future__ import annotations

import sys
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from snncc.errors import DataError, SnnccError
from snncc.io.images import image_files, is_image, read_image
from snncc.io.stored_arrays import UNREADABLE, Archive, StoredArray, read_header

__all__ = ["Part", "Samples", "chunks_of", "count_of", "labels_of"]

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Part:
    """Samples `start` to `stop` (exclusive) of a file or folder."""

    path: Path
    start: int
    stop: int

    def of(self, rows: Any) -> Any:
        """The part of `rows`, a list or an array; an array without axes is returned whole."""
        if isinstance(rows, StoredArray):
            return rows.between(self.start, self.stop)
        return rows if isinstance(rows, np.ndarray) and not rows.ndim else rows[self.start : self.stop]


Samples = npt.ArrayLike | Mapping[str, npt.ArrayLike] | Iterable[Any] | str | Path | Part

_USUAL_KEYS = ("input", "images")
_LABEL_KEYS = ("labels", "label", "targets", "target", "y")


def chunks_of(
    source: Samples, names: Sequence[str], size: tuple[int, int, int] | None, error: type[SnnccError] = DataError
) -> Iterator[dict[str, Array]]:
    """The source's raw samples, in order, in chunks of any size.

    Args:
        source: see `Samples`.
        names: the model's inputs; with just one, a key `input` or `images` stands for it too.
        size: (height, width, channels) that images of a folder are brought to; None if the model takes no images.
        error: what to raise.
    """
    if isinstance(source, str | Path):
        yield from _from_path(Part(Path(source), 0, sys.maxsize), names, size, error)
    elif isinstance(source, Part):
        yield from _from_path(source, names, size, error)
    elif isinstance(source, Mapping):
        yield _pick(source, names, "the data", error)
    elif isinstance(source, np.ndarray) or not isinstance(source, Iterable):
        yield _single(source, names, "the data", error)
    else:
        for index, item in enumerate(source):
            where = f"item {index} of the data"
            picked = isinstance(item, Mapping)
            yield _pick(item, names, where, error) if picked else _single(item, names, where, error)


def _array(value: Any, where: str, error: type[SnnccError]) -> Array:
    try:
        return np.asarray(value)
    except ValueError as cause:
        raise error(f"{where} is no array ({cause}). Give rows of equal length.") from cause


def _single(value: Any, names: Sequence[str], where: str, error: type[SnnccError]) -> dict[str, Array]:
    if len(names) != 1:
        listed = ", ".join(f"'{n}'" for n in names)
        raise error(f"{where} is one array, but the model has the inputs {listed}. Give a dict with an array for each.")
    return {names[0]: _array(value, where, error)}


def _pick(arrays: Mapping[str, Any], names: Sequence[str], where: str, error: type[SnnccError]) -> dict[str, Array]:
    found: dict[str, Any] = {}  # a StoredArray supports all array operations used here
    for name in names:
        keys = [k for k in (name, *(_USUAL_KEYS if len(names) == 1 else ())) if k in arrays]
        if not keys:
            accepted = " or ".join(f"'{k}'" for k in dict.fromkeys((name, *(_USUAL_KEYS if len(names) == 1 else ()))))
            given = ", ".join(f"'{k}'" for k in arrays) or "nothing"
            wanted = f"has no array {accepted} for the model's input '{name}'"
            raise error(f"{where} {wanted}; it holds {given}. Rename the inputs to '{name}'.")
        value = arrays[keys[0]]
        found[name] = value if isinstance(value, StoredArray) else _array(value, where, error)
    return found


def _from_path(
    part: Part, names: Sequence[str], size: tuple[int, int, int] | None, error: type[SnnccError]
) -> Iterator[dict[str, Array]]:
    path = part.path
    if path.is_dir():
        for image in part.of(image_files(path, error)):
            yield _single(read_image(image, size, error), names, str(path), error)
        return
    if path.suffix not in (".npy", ".npz") or not path.is_file():  # a pipe may never begin
        what = "is not there" if not path.exists() else "is of a kind that is not read"
        raise error(f"{path}: {what}. Give an .npy or .npz file, or a folder of images.")
    with ExitStack() as stack:
        try:
            if path.suffix == ".npy":
                with path.open("rb") as file:
                    read_header(file)
                loaded = np.load(path, mmap_mode="r", allow_pickle=False)
                found = _single(part.of(loaded), names, str(path), error)
            else:
                archive = Archive(stack.enter_context(zipfile.ZipFile(path)), lambda e: error(_unreadable(path, e)))
                picked = _pick(archive, names, str(path), error)
                found = {name: part.of(array) for name, array in picked.items()}
        except UNREADABLE as cause:
            raise error(_unreadable(path, cause)) from cause
        yield found


def _unreadable(path: Path, cause: Exception) -> str:
    """The meaning of numpy's errors, whose texts advise unpickling, which snncc never does."""
    reason = cause.strerror if isinstance(cause, OSError) and cause.strerror else None
    reason = reason or f"it is no {path.suffix} file of plain numbers, or cut short"
    return f"{path}: cannot be read: {reason}. Save the arrays again with numpy.save{'z' * (path.suffix == '.npz')}."


def count_of(source: Samples) -> int | None:
    """The number of samples, for progress bars; None if it is only known after reading."""
    if isinstance(source, str | Path):
        path = Path(source)
        if path.is_dir():
            return sum(map(is_image, path.iterdir()))
        return _rows_of_file(path)
    if isinstance(source, Part):
        count = count_of(source.path)
        return None if count is None else max(0, min(count, source.stop) - source.start)
    if isinstance(source, Mapping):
        lengths = [len(np.asarray(v)) for k, v in source.items() if k != "labels" and np.ndim(v)]
        return lengths[0] if lengths else None
    return len(source) if isinstance(source, np.ndarray) and source.ndim else None


def _rows_of_file(path: Path) -> int | None:
    """Length of the first axis, from the header alone."""
    try:
        if path.suffix == ".npz":
            with zipfile.ZipFile(path) as archive:
                names = archive.namelist()
                wanted = [n for k in _USUAL_KEYS for n in names if n == f"{k}.npy"] or names
                with archive.open(wanted[0]) as stream:
                    return _rows(stream)
        with path.open("rb") as stream:
            return _rows(stream)
    except (*UNREADABLE, IndexError):
        return None  # reading the samples reports the error


def _rows(stream: Any) -> int | None:
    shape = read_header(stream)[0]
    return int(shape[0]) if shape else None


def labels_of(source: Samples, error: type[SnnccError] = DataError) -> npt.NDArray[np.int64] | None:
    """The class numbers in the data: `labels` of an .npz file or of a dict, or whole numbers, one per sample, that are
    called `label`, `targets`, `target` or `y`; None if there are none.
    """
    if isinstance(source, Part):
        every = labels_of(source.path, error)
        return None if every is None else np.asarray(source.of(every))
    if isinstance(source, str | Path):
        if Path(source).suffix != ".npz" or not Path(source).is_file():
            return None
        try:
            with np.load(source, allow_pickle=False) as file:
                found = _labels_in(file)
        except UNREADABLE as cause:
            raise error(_unreadable(Path(source), cause)) from cause
    else:
        found = _labels_in(source) if isinstance(source, Mapping) else None
    return None if found is None else checked_labels(found, error)


def _labels_in(arrays: Mapping[str, Any]) -> Any:
    """The entry `labels`, else that of another usual name if it could be class numbers and nothing else."""
    if "labels" in arrays:
        return arrays["labels"]
    others = (np.asarray(arrays[key]) for key in _LABEL_KEYS if key in arrays)
    return next((array for array in others if array.ndim == 1 and array.dtype.kind in "iu"), None)


def checked_labels(labels: npt.ArrayLike, error: type[SnnccError] = DataError) -> npt.NDArray[np.int64]:
    """`labels` as class numbers from 0: one per sample or, on further axes, one per position; negative: no label."""
    array = np.asarray(labels)
    if array.ndim == 1 and array.dtype.kind == "i" and (array < 0).any():
        at = int((array < 0).argmax())
        raise error(
            f"label {array[at]} of sample {at} is no class number. Give numbers from 0, or leave the sample out."
        )
    if not array.ndim or array.dtype.kind not in "iu":
        raise error(f"labels are {array.dtype} {array.shape}; they must be one class number (0, 1, …) per sample.")
    if array.dtype.kind == "u" and array.size and array.max() > np.iinfo(np.int64).max:
        raise error(f"labels reach {array.max()}; they must be class numbers (0, 1, …), one per sample.")
    return array.astype(np.int64)
