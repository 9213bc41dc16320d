# SPDX-License-Identifier: Apache-2.0
"""Models of any size, beyond the 2 GB limit of protobuf.

onnx's checker, shape inference and converters need a model in one protobuf. None of them reads large weights, so that
they get an `outline`, in which large weights are inputs. This also avoids copies.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from itertools import accumulate

import onnx
from google.protobuf.message import Message
from onnx import helper

from snncc.io.external_data import size_of
from snncc.storage.mapped import is_mapped

__all__ = ["fits_one_file", "lay", "outline", "parts", "with_weights_of"]

_SET_ASIDE = 2**20  # bytes; weights that determine shapes are far smaller
_MOST = 2_000_000_000  # bytes of weights in one protobuf of 2 GiB; the rest is for the nodes


def outline(model: onnx.ModelProto) -> onnx.ModelProto:
    """A copy of `model` whose large weights are graph inputs of their type and shape, after its own."""
    sketch = onnx.ModelProto()
    _copy_fields(model, sketch, but="graph")
    _copy_fields(model.graph, sketch.graph, but="initializer")
    listed = {value.name for value in model.graph.input}
    for weight in model.graph.initializer:
        if not _is_aside(weight):
            sketch.graph.initializer.append(weight)
        elif weight.name not in listed:
            sketch.graph.input.append(_as_input(weight))
    listed |= {weight.name for weight in model.graph.initializer}
    for inner in _inner(sketch.graph):
        inside = [weight for weight in inner.initializer if is_mapped(weight)]
        _put(inner, [weight for weight in inner.initializer if not is_mapped(weight)])
        sketch.graph.input.extend(_as_input(weight) for weight in inside if weight.name not in listed)
    return sketch


def with_weights_of(sketch: onnx.ModelProto, model: onnx.ModelProto) -> onnx.ModelProto:
    """`sketch`, derived from the outline of `model`, with the large weights restored; it is changed."""
    places = {weight.name: place for place, weight in enumerate(model.graph.initializer)}
    aside = [weight for weight in model.graph.initializer if _is_aside(weight)]
    added = {weight.name for weight in aside} - {value.name for value in model.graph.input}
    inputs = [value for value in sketch.graph.input if value.name not in added]
    del sketch.graph.input[:]
    sketch.graph.input.extend(inputs)
    weights = sorted([*sketch.graph.initializer, *aside], key=lambda w: places.get(w.name, len(places)))
    _put(sketch.graph, weights)
    return sketch


def fits_one_file(model: onnx.ModelProto) -> bool:
    """Whether `model` fits into one protobuf."""
    return sum(map(_size, _weights(model.graph))) <= _MOST


def parts(model: onnx.ModelProto, location: str) -> tuple[onnx.ModelProto, list[onnx.TensorProto]]:
    """A copy of `model` whose large weights are in the file `location`, and these weights, in their order there."""
    aside = [weight for weight in _weights(model.graph) if _is_large(weight)]
    ends = accumulate(map(_size, aside), initial=0)
    sketch = onnx.ModelProto()
    _copy_fields(model, sketch, but="graph")
    _copy_fields(model.graph, sketch.graph, but="initializer")
    for weight in model.graph.initializer:
        sketch.graph.initializer.append(_without_values(weight) if _is_large(weight) else weight)
    for weight, end in zip(filter(_is_large, _weights(sketch.graph)), ends, strict=False):
        bare = _without_values(weight)
        lay(bare, location, end)
        weight.CopyFrom(bare)
    return sketch, aside


def _size(weight: onnx.TensorProto) -> int:
    """Bytes that the values of `weight` take in a file; 0 for strings and for unknown types."""
    if weight.data_type == onnx.TensorProto.STRING:
        return 0
    with suppress(KeyError):
        return size_of(weight)
    return 0


def _is_large(weight: onnx.TensorProto) -> bool:
    return _size(weight) > _SET_ASIDE


def _is_aside(weight: onnx.TensorProto) -> bool:
    """Whether an outline is without the values of `weight`."""
    return _is_large(weight) or is_mapped(weight)


def _without_values(weight: onnx.TensorProto) -> onnx.TensorProto:
    return onnx.TensorProto(name=weight.name, data_type=weight.data_type, dims=weight.dims)


def _as_input(weight: onnx.TensorProto) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(weight.name, weight.data_type, list(weight.dims))


def _weights(graph: onnx.GraphProto) -> Iterator[onnx.TensorProto]:
    """The weights of `graph` and of the graphs inside it."""
    yield from graph.initializer
    for inner in _inner(graph):
        yield from inner.initializer


def _inner(graph: onnx.GraphProto) -> Iterator[onnx.GraphProto]:
    """The graphs inside `graph`."""
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.HasField("g"):
                yield attribute.g
                yield from _inner(attribute.g)


def lay(tensor: onnx.TensorProto, location: str, offset: int) -> None:
    """Set the location of the values of `tensor` to a file."""
    del tensor.external_data[:]
    tensor.data_location = onnx.TensorProto.EXTERNAL
    for key, value in (("location", location), ("offset", offset), ("length", _size(tensor))):
        tensor.external_data.add(key=key, value=str(value))


def _put(graph: onnx.GraphProto, weights: list[onnx.TensorProto]) -> None:
    del graph.initializer[:]
    graph.initializer.extend(weights)


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
