# SPDX-License-Identifier: Apache-2.0
"""Stream samples in the model's input format: checked, transposed, cast and cut into batches.

Floating-point arrays are used unchanged and must have the model's own shape. Integer arrays (stored images) are
converted by a `Preprocess`, or keep their raw values 0…255 if none is given, and get the model's layout: [N, H, W] and
[N, H, W, C] become [N, C, H, W]; grey images become any shape of the model with the same number of elements.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from itertools import permutations
from typing import Any

import numpy as np
import numpy.typing as npt

from snncc.errors import DataError, SnnccError
from snncc.io.input_specs import InputSpec, fixed_batch, specs_of
from snncc.io.preprocess import Preprocess
from snncc.io.sample_sources import Samples, chunks_of, count_of, labels_of

__all__ = ["Batch", "InputSpec", "Samples", "batches", "count_of", "first", "labels_of", "specs_of"]

_log = logging.getLogger(__name__)

Array = npt.NDArray[Any]
Batch = dict[str, Array]

_RAW = "uint8 data is taken raw, 0…255; if the network was trained on normalised inputs, give --preprocess"


def batches(
    source: Samples,
    specs: list[InputSpec],
    *,
    preprocess: Preprocess | None = None,
    batch_size: int = 64,
    error: type[SnnccError] = DataError,
) -> Iterator[Batch]:
    """Stream `source` as batches {input name: array [n, …] of the model's element type}.

    All batches but the last hold `batch_size` samples, or as many as the model's batch axis is fixed at. Items of an
    iterable may be batches or single samples. What the source yields is dropped as soon as its batch is out.

    Raises:
        error: wrong shape, element type or key, unequal lengths, NaN, no samples; says what was expected and given.
    """
    fixed = fixed_batch(specs)
    size = batch_size if fixed is None else fixed
    pending: list[Batch] = []
    held = total = 0
    for piece in _pieces(source, specs, preprocess, size, error):
        if pending and (odd := _unlike(pending[0], piece)):
            raise error(f"the samples differ in size: {odd}. Bring them all to one size.")
        pending.append(piece)
        held += _length(piece)
        total += _length(piece)
        while held >= size:
            whole = _joined(pending)
            yield {k: v[:size] for k, v in whole.items()}
            pending, held = [{k: v[size:] for k, v in whole.items()}], held - size
    if not total:
        raise error("the data holds no samples. Give at least one.")
    if held and fixed:
        raise error(f"the model takes batches of exactly {fixed} samples, and {held} of {total} are left over.")
    if held:
        yield _joined(pending)


def _pieces(
    source: Samples, specs: list[InputSpec], preprocess: Preprocess | None, size: int, error: type[SnnccError]
) -> Iterator[Batch]:
    """The chunks of the source, ready for the model, each of at most `size` samples."""
    by_name = {s.name: s for s in specs}
    for chunk in chunks_of(source, list(by_name), specs[0].image_size, error):
        shaped = {name: _with_batch_axis(array, by_name[name], error) for name, array in chunk.items()}
        lengths = {name: len(array) for name, array in shaped.items()}
        if len(set(lengths.values())) > 1:
            raise error(f"the inputs differ in their number of samples: {lengths}. {_as_many(specs)}")
        if preprocess is None and any(a.dtype == np.uint8 and by_name[n].dtype.kind == "f" for n, a in shaped.items()):
            _log.warning(_RAW)
            preprocess = Preprocess()
        for start in range(0, _length(shaped), size):
            yield {
                name: _converted(array[start : start + size], by_name[name], preprocess or Preprocess(), error)
                for name, array in shaped.items()
            }


def _as_many(specs: list[InputSpec]) -> str:
    """What to do where inputs differ in their number of samples."""
    axes = {spec.shape[0] for spec in specs if spec.shape}
    if len(axes) < 2:
        return "Give as many of each."
    named = ", ".join(f"'{spec.name}' {spec.shape[0]}" for spec in specs if spec.shape)
    return f"Give as many of each; a network whose first axes are not all samples is not converted ({named})."


def first(stream: Iterator[Batch], limit: int | None, *, cut: bool) -> Iterator[Batch]:
    """The batches of the first `limit` samples; the last of them is cut there if models take batches of any size."""
    left = limit
    for batch in stream:
        size = _length(batch)
        yield batch if left is None or size <= left or not cut else {k: v[:left] for k, v in batch.items()}
        if left is not None:
            left -= size
            if left <= 0:
                return


def _with_batch_axis(array: Array, spec: InputSpec, error: type[SnnccError]) -> Array:
    """`array`, or `array` as the only sample of a batch; raises if neither fits."""
    kinds = "biu" if spec.dtype.kind == "b" else "fiu"
    if array.dtype.kind not in kinds or (array.dtype.kind == "f" and spec.dtype.kind != "f"):
        raise error(f"the data is {array.dtype}, the model's input is {spec}. Give numbers of a type that converts.")
    if array.ndim > (len(spec.shape) > 1) and _layout(array, spec):
        return array
    if array.ndim >= (len(spec.shape) > 1) and _layout(np.broadcast_to(array.dtype.type(), (1, *array.shape)), spec):
        return np.asarray(array)[None]
    fits = any(spec.fits(axes) for axes in permutations(array.shape[1:])) if array.ndim <= 6 else False
    hint = "Transpose it." if fits else "Give samples of the model's shape."
    hint += " Images may also be uint8 [N, H, W, C]." if spec.image_size else ""
    raise error(f"the data is {array.dtype} {list(array.shape)}, which does not fit the model's input {spec}. {hint}")


def _layout(array: Array, spec: InputSpec) -> str | None:
    """How the samples of a batch become the model's: `as is`, `from HWC`, `grey` (any reshape); None: not at all."""
    sample = array.shape[1:]
    image = array.dtype.kind in "iu" and spec.dtype.kind == "f"
    if image and len(sample) == 3 and not spec.channels_last and spec.fits((sample[2], *sample[:2])):
        return "from HWC"
    if spec.fits(sample):
        return "as is"
    open_axes = sum(not isinstance(d, int) for d in spec.shape[1:])
    grey = image and (len(sample) == 2 or (len(sample) == 3 and 1 in (sample[0], sample[2])))
    if grey and not open_axes and int(np.prod(sample)) == int(np.prod([int(str(d)) for d in spec.shape[1:]])):
        return "grey"
    return None


def _converted(array: Array, spec: InputSpec, preprocess: Preprocess, error: type[SnnccError]) -> Array:
    """A raw batch in the model's layout and element type."""
    if array.dtype.kind in "iu" and spec.dtype.kind == "f":
        values = _preprocessed(array, spec, preprocess).astype(spec.dtype)
    else:
        values = array.astype(spec.dtype)
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        bad = int(values.size - np.isfinite(values).sum())
        raise error(f"the data for {spec} holds {bad} NaN or infinite value(s). Take those samples out.")
    return np.ascontiguousarray(values)


def _preprocessed(array: Array, spec: InputSpec, preprocess: Preprocess) -> Array:
    layout = _layout(array, spec)
    if layout == "from HWC":
        return np.moveaxis(preprocess(array), -1, 1)
    if layout == "grey":
        grey = array.reshape(len(array), *array.shape[1:3], 1) if array.shape[1] != 1 else np.moveaxis(array, 1, -1)
        return preprocess(grey).reshape(len(array), *(int(str(d)) for d in spec.shape[1:]))
    if array.ndim == 4 and not spec.channels_last:
        return np.moveaxis(preprocess(np.moveaxis(array, 1, -1)), -1, 1)
    return preprocess(array) if array.ndim == 4 else preprocess(array[..., None])[..., 0]


def _unlike(first: Batch, other: Batch) -> str | None:
    """How the samples of two batches differ in shape, None if they do not."""
    pairs = ((name, first[name].shape[1:], other[name].shape[1:]) for name in first)
    return next((f"'{name}' has {list(a)} and {list(b)}" for name, a, b in pairs if a != b), None)


def _length(batch: Mapping[str, Array]) -> int:
    return len(next(iter(batch.values())))


def _joined(parts: list[Batch]) -> Batch:
    return parts[0] if len(parts) == 1 else {k: np.concatenate([p[k] for p in parts]) for k in parts[0]}
