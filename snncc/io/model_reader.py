# SPDX-License-Identifier: Apache-2.0
"""Read a model from a path, bytes or a ModelProto, with its external weights; report what is wrong with it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import onnx
from google.protobuf.message import DecodeError
from onnx import numpy_helper

from snncc.errors import ModelError
from snncc.io import external_data
from snncc.io.inline import sketch_of
from snncc.io.tensors import tensors_of
from snncc.io.utf8 import require_utf8
from snncc.storage.mapped import is_mapped

__all__ = [
    "Source",
    "check_weights",
    "external_files",
    "model_name",
    "opens_alone",
    "read_model",
    "refuse_external",
    "with_dense_weights",
]

Source = str | Path | bytes | onnx.ModelProto


def model_name(source: Source) -> str:
    """The name of the source in messages."""
    return str(source) if isinstance(source, str | Path) else "the model"


def read_model(source: Source, *, copy: bool = True) -> onnx.ModelProto:
    """The model with its weights, large ones in their files; a given ModelProto is not changed.

    External data is looked for beside the file, and only in its folder; see `snncc.io.external_data`.

    Args:
        source: A path, the bytes of a file, or a model.
        copy: Whether a ModelProto given is copied. Otherwise whoever asks must not change what comes back.

    Raises:
        ModelError: no such file, not an ONNX model, truncated, or external weights missing or outside the folder.
    """
    if isinstance(source, onnx.ModelProto):
        model = _with_weights(source, None, "the model")
        return _copied(model) if copy and model is source else model
    if isinstance(source, bytes):
        return _with_weights(_parse(source, "the model"), None, "the model")
    path = Path(source)
    model = sketch_of(path) or _parse(_bytes_of(path), str(path))
    return _with_weights(model, path.parent, str(path))


def _copied(model: onnx.ModelProto) -> onnx.ModelProto:
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    return copy


def opens_alone(path: Path) -> bool:
    """Whether onnxruntime may open the file itself: each external weight is in the model's folder, in its own file.

    Raises:
        ModelError: external weights are missing, or outside the folder and not in one that is trusted.
    """
    tensors = _external_at(path)
    places = [external_data.locate(tensor, path.parent, f"{path}: weight '{name}'") for name, tensor in tensors]
    return all(place.inside for place in places)


def refuse_external(source: bytes | onnx.ModelProto, where: str) -> None:
    """Raise ModelError if weights are external: onnxruntime would look for them in the current folder."""
    for name, tensor in _external_in(source, where) if isinstance(source, bytes) else _external(source):
        _refuse_bytes(name, tensor, where)


def _external_at(path: Path) -> Iterable[tuple[str, onnx.TensorProto]]:
    """The external weights of the model in the file."""
    sketch = sketch_of(path)
    return _external(sketch) if sketch else _external_in(_bytes_of(path), str(path))


def _bytes_of(path: Path) -> bytes:
    try:
        if path.exists() and not (path.is_file() or path.is_dir()):  # it may be endless, or never begin
            raise ModelError(f"{path}: is a pipe or a device. Save the model to a file and give its path.")
        return path.read_bytes()
    except OSError as error:
        raise ModelError(f"{path}: cannot be read ({error.strerror}). Give the path of an .onnx file.") from error


def external_files(path: Path) -> list[Path]:
    """The existing weight files that the model `path` names.

    Raises:
        ModelError: as `read_model` does.
    """
    found = {
        path.parent / entry.value
        for _, tensor in _external_at(path)
        for entry in tensor.external_data
        if entry.key == "location" and "\0" not in entry.value
    }
    return sorted(file for file in found if file.is_file())


def _external_in(data: bytes, where: str) -> Iterable[tuple[str, onnx.TensorProto]]:
    """The external weights of a serialised model; it is parsed only if it has a word that all of them need."""
    return _external(_parse(data, where)) if b"location" in data else ()


def _external(model: onnx.ModelProto) -> Iterator[tuple[str, onnx.TensorProto]]:
    return ((name, tensor) for name, tensor in tensors_of(model) if external_data.is_external(tensor))


def _refuse_bytes(name: str, tensor: onnx.TensorProto, where: str) -> None:
    location = next((e.value for e in tensor.external_data if e.key == "location"), "")
    message = f"{where}: weight '{name}' lies in external file '{location}'"
    raise ModelError(f"{message}. Give the model's path instead of its bytes.")


def _parse(data: bytes, where: str) -> onnx.ModelProto:
    try:
        model = onnx.load_model_from_string(data)
    except (DecodeError, ValueError) as error:
        hint = "Is it another format, or was the download cut short?"
        raise ModelError(f"{where}: not an ONNX model, or a truncated one ({len(data)} bytes). {hint}") from error
    return model


def _with_weights(model: onnx.ModelProto, folder: Path | None, where: str) -> onnx.ModelProto:
    if not model.graph.node or not model.graph.output or not model.ir_version:
        raise ModelError(f"{where}: holds no network (no nodes or no outputs). Is it an ONNX model, and complete?")
    require_utf8(model, where)
    if folder is None:
        for name, tensor in _external(model):
            _refuse_bytes(name, tensor, where)
        return model
    for tensor in _stored_beside(model.graph):
        if external_data.is_external(tensor):
            external_data.load(tensor, folder, f"{where}: weight '{tensor.name}'", mapped=True)
    for name, tensor in _external(model):
        external_data.load(tensor, folder, f"{where}: weight '{name}'")
    return model


def _stored_beside(graph: onnx.GraphProto) -> Iterator[onnx.TensorProto]:
    """Weights that may stay in their files: those of the network, and of the Loop of a converted one."""
    yield from graph.initializer
    for node in graph.node:
        for attribute in node.attribute if node.op_type == "Loop" else ():
            yield from attribute.g.initializer


def check_weights(model: onnx.ModelProto, where: str) -> None:
    """Raise ModelError, naming the weight, if its data does not have the size of its shape, or its type is unknown."""
    for name, tensor in tensors_of(model):
        if is_mapped(tensor):  # which has been looked at
            continue
        try:
            numpy_helper.to_array(tensor)
        except (ValueError, TypeError, KeyError) as error:
            raise ModelError(f"{where}: weight '{name}' is damaged ({error}). Export the model again.") from error


def with_dense_weights(model: onnx.ModelProto, where: str) -> onnx.ModelProto:
    """`model`, changed in place: sparse initializers become dense ones."""
    for sparse in model.graph.sparse_initializer:
        values, indices = numpy_helper.to_array(sparse.values), numpy_helper.to_array(sparse.indices)
        dense = np.zeros(list(sparse.dims), values.dtype)
        try:
            dense[np.unravel_index(indices, dense.shape) if indices.ndim == 1 else tuple(indices.T)] = values
        except (IndexError, ValueError) as error:
            message = f"{where}: sparse weight '{sparse.values.name}' is damaged ({error})"
            raise ModelError(f"{message}. Export the model again.") from error
        model.graph.initializer.append(numpy_helper.from_array(dense, sparse.values.name))
    del model.graph.sparse_initializer[:]
    return model
