# SPDX-License-Identifier: Apache-2.0
"""Reads a model: from a path, bytes or a ModelProto, with its external weights, or says what is wrong with it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import onnx
from google.protobuf.message import DecodeError
from onnx import numpy_helper

from snncc.errors import ModelError

__all__ = ["Source", "check_weights", "read_model", "with_dense_weights"]

Source = str | Path | bytes | onnx.ModelProto


def read_model(source: Source) -> onnx.ModelProto:
    """The model with all of its weights in memory; a ModelProto given is not changed.

    External data is looked for beside the file, and only in its folder.

    Raises:
        ModelError: no such file, not an ONNX model, truncated, or external weights missing or outside the folder.
    """
    if isinstance(source, onnx.ModelProto):
        model = onnx.ModelProto()
        model.CopyFrom(source)
        return _with_weights(model, None, "the model")
    if isinstance(source, bytes):
        return _with_weights(_parse(source, "the model"), None, "the model")
    path = Path(source)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ModelError(f"{path}: cannot be read ({error.strerror}). Give the path of an .onnx file.") from error
    return _with_weights(_parse(data, str(path)), path.parent, str(path))


def _parse(data: bytes, where: str) -> onnx.ModelProto:
    try:
        model = onnx.load_model_from_string(data)
    except (DecodeError, ValueError) as error:
        hint = "Is it another format, or was the download cut short?"
        raise ModelError(f"{where}: not an ONNX model, or a truncated one ({len(data)} bytes). {hint}") from error
    return model


def tensors_of(model: onnx.ModelProto) -> Iterator[tuple[str, onnx.TensorProto]]:
    """(name, tensor) of every weight: initializers and what nodes hold, in subgraphs and local functions too."""
    yield from _in_graph(model.graph)
    for function in model.functions:
        yield from _in_nodes(function.node)


def _in_graph(graph: onnx.GraphProto) -> Iterator[tuple[str, onnx.TensorProto]]:
    for tensor in graph.initializer:
        yield tensor.name, tensor
    for sparse in graph.sparse_initializer:
        yield sparse.values.name, sparse.values
        yield sparse.values.name, sparse.indices
    yield from _in_nodes(graph.node)


def _in_nodes(nodes: Iterable[onnx.NodeProto]) -> Iterator[tuple[str, onnx.TensorProto]]:
    for node in nodes:
        for attribute in node.attribute:
            held = [attribute.t] if attribute.type == onnx.AttributeProto.TENSOR else attribute.tensors
            for tensor in held:
                yield tensor.name or ", ".join(node.output), tensor
            for graph in [attribute.g] if attribute.type == onnx.AttributeProto.GRAPH else attribute.graphs:
                yield from _in_graph(graph)


def _with_weights(model: onnx.ModelProto, folder: Path | None, where: str) -> onnx.ModelProto:
    if not model.graph.node or not model.graph.output or not model.ir_version:
        raise ModelError(f"{where}: holds no network (no nodes or no outputs). Is it an ONNX model, and complete?")
    for name, tensor in tensors_of(model):
        if tensor.data_location != onnx.TensorProto.EXTERNAL:
            continue
        entry = {e.key: e.value for e in tensor.external_data}
        location = entry.get("location", "")
        label = f"{where}: weight '{name}'"
        if folder is None:
            raise ModelError(f"{label} lies in external file '{location}'. Give the model's path instead of its bytes.")
        _check_location(folder, location, label)
        try:
            onnx.external_data_helper.load_external_data_for_tensor(tensor, str(folder))
        except (OSError, ValueError, onnx.checker.ValidationError) as error:
            message = f"{label}: external data '{location}' cannot be loaded ({error})."
            raise ModelError(f"{message} Keep the data file, whole, beside the model.") from error
        tensor.ClearField("data_location")  # as if it had never been external: digests depend on it
        del tensor.external_data[:]
    return model


def _check_location(folder: Path, location: str, label: str) -> None:
    target = folder / location
    if Path(location).is_absolute() or not target.resolve().is_relative_to(folder.resolve()):
        way_out = "External data must stay in the model's folder; copy it there and save the model again."
        raise ModelError(f"{label} points outside the model's folder ('{location}'). {way_out}")
    if not target.is_file():
        raise ModelError(f"{label}: external data file '{location}' is missing. Put it beside the model.")


def check_weights(model: onnx.ModelProto, where: str) -> None:
    """Raise ModelError, naming the weight, if one is shorter or longer than its shape, or of no known type."""
    for name, tensor in tensors_of(model):
        try:
            numpy_helper.to_array(tensor)
        except (ValueError, TypeError, KeyError) as error:
            raise ModelError(f"{where}: weight '{name}' is damaged ({error}). Export the model again.") from error


def with_dense_weights(model: onnx.ModelProto, where: str) -> onnx.ModelProto:
    """`model`, changed in place: sparse initializers become ordinary ones."""
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
