# SPDX-License-Identifier: Apache-2.0
"""External weights of a model: which files may be read, and where in them a weight lies.

A model is untrusted data, and names the files to read. The file must therefore be a regular one, in the model's folder
or below, without other hard links, since these may belong to any file. A path or a symbolic link that leads out of the
folder is refused. Model caches consist of links: files in a folder that the environment variable SNNCC_TRUST names may
be read by any path.
"""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from math import prod
from pathlib import Path

import onnx
from onnx import helper

from snncc.errors import ModelError
from snncc.storage.mapped import is_mapped, may_be_mapped, refer

__all__ = ["TRUST", "Stored", "is_external", "load", "locate", "size_of"]

TRUST = "SNNCC_TRUST"

_BITS = {"INT4": 4, "UINT4": 4, "FLOAT4E2M1": 4, "INT2": 2, "UINT2": 2}


@dataclass(frozen=True)
class Stored:
    """The location of a weight: a byte range of a file. `inside`: in the model's folder, so that no
    trust was needed.
    """

    file: Path
    offset: int
    length: int
    inside: bool


def is_external(tensor: onnx.TensorProto) -> bool:
    """Whether the tensor's values are in another file, which the model names."""
    return tensor.data_location == onnx.TensorProto.EXTERNAL and not is_mapped(tensor)


def load(tensor: onnx.TensorProto, folder: Path, label: str, *, mapped: bool = False) -> None:
    """Load the values into the tensor, as if it were not external; if permitted, large ones are `mapped`.

    Raises:
        ModelError: as `locate` does, or the file cannot be read.
    """
    stored = locate(tensor, folder, label)
    if mapped and may_be_mapped(tensor, stored.length):
        refer(tensor, stored.file, stored.offset)
        return
    try:
        with stored.file.open("rb") as file:
            file.seek(stored.offset)
            values = file.read(stored.length)
    except (OSError, MemoryError) as error:
        reason = getattr(error, "strerror", None) or "no memory"
        raise ModelError(f"{label}: external data '{stored.file}' cannot be read ({reason}).") from error
    tensor.raw_data = values
    tensor.ClearField("data_location")
    del tensor.external_data[:]


def locate(tensor: onnx.TensorProto, folder: Path, label: str) -> Stored:
    """The location of the values of `tensor`, of a model in `folder`. `label` names model and weight in messages.

    Raises:
        ModelError: the file is missing, or none that may be read, or not long enough.
    """
    entry = {e.key: e.value for e in tensor.external_data}
    location = entry.get("location", "")
    if "\0" in location:
        raise ModelError(f"{label}: the name of its external data file is damaged. Export the model again.")
    file = Path(os.path.realpath(folder / location))
    inside = file.is_relative_to(os.path.realpath(folder)) and not Path(location).is_absolute()
    trusted = _is_trusted(file)
    if not (inside or trusted):
        message = f"{label} points outside the model's folder ('{location}' is {file}). Its data must stay in there"
        raise ModelError(f"{message}; copy it there and save the model again. {_trust(file)}")
    status = _status(file, location, label)
    if status.st_nlink > 1 and not trusted:
        message = f"{label}: external data '{location}' is a hard link, perhaps to a private file"
        raise ModelError(f"{message}. Put a copy in its place. {_trust(file)}")
    offset, length = _extent(tensor, entry, label)
    if offset + length > status.st_size:
        message = f"{label}: damaged: bytes {offset} to {offset + length} of '{location}', which has {status.st_size}"
        raise ModelError(f"{message}. Keep the data file, whole, beside the model.")
    return Stored(file, offset, length, inside and status.st_nlink == 1)


def size_of(tensor: onnx.TensorProto) -> int:
    """Size in bytes of the values of `tensor` in a file, by type and shape; KeyError if the type is unknown."""
    bits = _BITS.get(_kind(tensor)) or 8 * helper.tensor_dtype_to_np_dtype(tensor.data_type).itemsize
    return int(-(-prod(tensor.dims) * bits // 8))


def _kind(tensor: onnx.TensorProto) -> str:
    return helper.tensor_dtype_to_string(tensor.data_type).removeprefix("TensorProto.")


def _status(file: Path, location: str, label: str) -> os.stat_result:
    try:
        status = file.stat()
    except OSError as error:
        missing = isinstance(error, FileNotFoundError)
        reason = "is missing" if missing else f"cannot be read ({error.strerror})"
        raise ModelError(f"{label}: external data file '{location}' {reason}. Put it beside the model.") from error
    if not stat.S_ISREG(status.st_mode):  # a device may be endless, a pipe may wait for ever
        message = f"{label}: external data '{location}' is a folder, a pipe or a device"
        raise ModelError(f"{message}, not a file. Put the weights' file beside the model.")
    return status


def _is_trusted(file: Path) -> bool:
    named = filter(None, os.environ.get(TRUST, "").split(os.pathsep))
    return any(file.is_relative_to(os.path.realpath(Path(folder).expanduser())) for folder in named)


def _trust(file: Path) -> str:
    return f"Or, if models may read all that is in {file.parent}, set the environment variable {TRUST}={file.parent}."


def _extent(tensor: onnx.TensorProto, entry: dict[str, str], label: str) -> tuple[int, int]:
    """(offset, length) in the model; a length must be that of the shape."""
    try:
        needed = size_of(tensor)
    except KeyError as error:
        raise ModelError(f"{label}: is of no known type ({tensor.data_type}). Export the model again.") from error
    kind = _kind(tensor)
    try:
        offset, length = int(entry.get("offset", 0)), int(entry.get("length", needed))
    except ValueError as error:
        raise ModelError(f"{label}: damaged: its place in the data file is no number. Export it again.") from error
    if offset < 0 or length < 0 or length != needed or any(d < 0 for d in tensor.dims) or kind == "STRING":
        message = f"{label}: damaged: {length} bytes from {offset} for {kind.lower()} {list(tensor.dims)}"
        raise ModelError(f"{message}. Export the model again.")
    return offset, length
