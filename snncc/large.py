# SPDX-License-Identifier: Apache-2.0
"""Models of any size, though a protobuf holds 2 GB at most.

onnx's checker, shape inference and converters are given a model in one protobuf. None of them looks into a large
weight, so that they get an `outline`, in which large weights are inputs. It spares the copies, too.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from itertools import accumulate
from pathlib import Path

import onnx
from google.protobuf.message import Message
from onnx import helper, numpy_helper

from snncc.errors import ModelError
from snncc.external import size_of

__all__ = ["fits_one_file", "openable", "outline", "parts", "values_of", "with_weights_of"]

_SET_ASIDE = 2**20  # bytes; weights that say how shapes change are far smaller
_MOST = 2_000_000_000  # bytes of weights in one protobuf of 2 GiB; the rest is for the nodes


def outline(model: onnx.ModelProto) -> onnx.ModelProto:
    """A copy of `model` whose large weights are graph inputs of their type and shape, behind its own."""
    sketch = onnx.ModelProto()
    _copy_fields(model, sketch, but="graph")
    _copy_fields(model.graph, sketch.graph, but="initializer")
    listed = {value.name for value in model.graph.input}
    for weight in model.graph.initializer:
        if not _is_large(weight):
            sketch.graph.initializer.append(weight)
        elif weight.name not in listed:
            value = helper.make_tensor_value_info(weight.name, weight.data_type, list(weight.dims))
            sketch.graph.input.append(value)
    return sketch


def with_weights_of(sketch: onnx.ModelProto, model: onnx.ModelProto) -> onnx.ModelProto:
    """`sketch`, made of the outline of `model`, with the large weights back in their places; it is changed."""
    places = {weight.name: place for place, weight in enumerate(model.graph.initializer)}
    aside = [weight for weight in model.graph.initializer if _is_large(weight)]
    added = {weight.name for weight in aside} - {value.name for value in model.graph.input}
    inputs = [value for value in sketch.graph.input if value.name not in added]
    del sketch.graph.input[:]
    sketch.graph.input.extend(inputs)
    weights = sorted([*sketch.graph.initializer, *aside], key=lambda w: places.get(w.name, len(places)))
    _put(sketch, weights)
    return sketch


def fits_one_file(model: onnx.ModelProto) -> bool:
    """Whether `model` can be one protobuf."""
    return sum(map(_size, model.graph.initializer)) <= _MOST


def parts(model: onnx.ModelProto, location: str) -> tuple[onnx.ModelProto, list[onnx.TensorProto]]:
    """A copy of `model` whose large weights lie in the file `location`, and these weights, in their order there."""
    aside = [weight for weight in model.graph.initializer if _is_large(weight)]
    ends = list(accumulate(map(_size, aside), initial=0))
    places = {weight.name: place for weight, place in zip(aside, ends, strict=False)}
    sketch = outline(model)
    del sketch.graph.input[len(model.graph.input) :]
    kept = (_elsewhere(w, location, places[w.name]) if w.name in places else w for w in model.graph.initializer)
    _put(sketch, list(kept))
    return sketch, aside


@contextmanager
def openable(model: onnx.ModelProto, edit: Callable[[onnx.ModelProto], None] | None = None) -> Iterator[bytes | str]:
    """What onnxruntime can open: the model's bytes, or where they are too many, the path of a copy on the disk.

    `edit` changes the copy first; it is not to look at weights.

    Raises:
        ModelError: there is no room for the copy.
    """
    if fits_one_file(model):
        yield (_edited(model, edit) if edit else model).SerializeToString()
        return
    with tempfile.TemporaryDirectory(prefix="snncc-", ignore_cleanup_errors=True) as folder:
        sketch, aside = parts(model, "weights")
        if edit:
            edit(sketch)
        try:
            _write(sketch, aside, Path(folder))
        except OSError as error:
            raise ModelError(
                f"the model '{model.graph.name}' is over 2 GB and cannot be written to {folder}: {error}. "
                "Set TMPDIR to a folder with room, or save the model with external data and give its path."
            ) from error
        yield str(Path(folder) / "model.onnx")


def _edited(model: onnx.ModelProto, edit: Callable[[onnx.ModelProto], None]) -> onnx.ModelProto:
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    edit(copy)
    return copy


def _write(sketch: onnx.ModelProto, weights: list[onnx.TensorProto], folder: Path) -> None:
    (folder / "model.onnx").write_bytes(sketch.SerializeToString())
    with (folder / "weights").open("wb") as file:
        file.writelines(map(values_of, weights))


def values_of(weight: onnx.TensorProto) -> bytes:
    """The values as they lie in a file."""
    stored = weight if weight.HasField("raw_data") else numpy_helper.from_array(numpy_helper.to_array(weight))
    return bytes(stored.raw_data)


def _size(weight: onnx.TensorProto) -> int:
    """Bytes that the values of `weight` take in a file; 0 for strings and for what is of no known type."""
    if weight.data_type == onnx.TensorProto.STRING:
        return 0
    with suppress(KeyError):
        return size_of(weight)
    return 0


def _is_large(weight: onnx.TensorProto) -> bool:
    return _size(weight) > _SET_ASIDE


def _elsewhere(weight: onnx.TensorProto, location: str, offset: int) -> onnx.TensorProto:
    """`weight` without its values, which lie in a file."""
    tensor = onnx.TensorProto(name=weight.name, data_type=weight.data_type, dims=weight.dims)
    tensor.data_location = onnx.TensorProto.EXTERNAL
    for key, value in (("location", location), ("offset", offset), ("length", _size(weight))):
        tensor.external_data.add(key=key, value=str(value))
    return tensor


def _put(model: onnx.ModelProto, weights: list[onnx.TensorProto]) -> None:
    del model.graph.initializer[:]
    model.graph.initializer.extend(weights)


def _copy_fields(source: Message, target: Message, *, but: str) -> None:
    """Copy all fields of one message to another, except one."""
    for field, value in source.ListFields():
        if field.name == but:
            continue
        if isinstance(value, Message):
            getattr(target, field.name).CopyFrom(value)
        elif isinstance(value, str | bytes | int | float):
            setattr(target, field.name, value)
        else:
            getattr(target, field.name).extend(value)
