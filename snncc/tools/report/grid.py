# SPDX-License-Identifier: Apache-2.0
"""Accuracy over a grid of coding parameters, with one conversion per point."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from itertools import product
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx

from snncc.analysis.time_stacking import fold_of, max_batch
from snncc.coding import Coding
from snncc.compiler.convert import convert
from snncc.errors import OptionError
from snncc.evaluation.accuracy import AccuracyCounter
from snncc.io.batches import Batch, Samples
from snncc.io.model_reader import Source
from snncc.io.preprocess import Preprocess
from snncc.io.progress import track
from snncc.ir.metadata import metadata_of
from snncc.ops.arrays import Array
from snncc.tools.report.coding_curves import changed

__all__ = ["Grid", "axes_of", "grid_of"]

Labels = npt.NDArray[np.int64]

_MOST = 2  # parameters, the limit of a figure


@dataclass(frozen=True, eq=False)
class Grid:
    """Results at each point; the arrays have an axis for each parameter.

    Attributes:
        names: The parameters, one or two.
        values: The values of each.
        ann: Percent of the samples that the ANN answers right; None without labels.
        accuracy: The same of the converted networks; without labels the percent of samples with the ANN's answer.
        error: Mean absolute difference of the outputs, in percent of the mean magnitude of the ANN's.
    """

    names: tuple[str, ...]
    values: tuple[tuple[float, ...], ...]
    ann: float | None
    accuracy: Array
    error: Array


def axes_of(coding: Coding, texts: Sequence[str]) -> dict[str, tuple[float, ...]]:
    """Parse the parameters of a grid from texts such as `T=8,16`; values in ascending order.

    Raises:
        OptionError: a text is none of that kind, the coding has no such parameter, or there are too many.
    """
    known = [f.name for f in fields(coding)]  # type: ignore[arg-type]
    axes: dict[str, tuple[float, ...]] = {}
    for text in texts:
        name, _, listed = text.partition("=")
        try:
            values = {float(v) for v in listed.split(",")}
        except ValueError as error:
            raise OptionError(f"the grid '{text}' is no list of values; write e.g. T=8,16,24") from error
        if name not in known or name in axes:
            raise OptionError(f"the grid names '{name}', but needs different ones of {', '.join(known)}")
        axes[name] = tuple(sorted(values))
    if len(axes) > _MOST:
        raise OptionError(f"the grid has {len(axes)} parameters, but figures have room for {_MOST}")
    return axes


def grid_of(
    snn: onnx.ModelProto,
    coding: Coding,
    ann: Source,
    axes: Mapping[str, Sequence[float]],
    batches: Sequence[Batch],
    labels: Labels | None,
    *,
    calibration: Samples | None,
    preprocess: Preprocess | None,
    device: str,
) -> Grid:
    """Convert `ann` like `snn`, with the parameters in `axes` varied, and run the samples.

    Raises:
        SnnccError: a parameter is out of its range, or the network cannot be converted so.
    """
    from snncc.runtime import create_session

    recipe = {**_recipe(metadata_of(snn)), "calibration": calibration, "preprocess": preprocess}
    points = [dict(zip(axes, point, strict=True)) for point in product(*axes.values())]
    codings = [changed(coding, **{k: _plain(v) for k, v in point.items()}) for point in points]
    plain = create_session(ann, device=device)
    name = plain.get_outputs()[0].name
    expected = [plain.run([name], batch)[0] for batch in batches]
    accuracy, errors, right = [], [], None
    for other in track(codings, "converting", len(codings)):
        free = other.with_base("auto")
        fitted = recipe["levels"] in ("auto", "fitted")
        fits = fitted and free.per_layer_levels
        own = {**recipe, "levels": None, "spike_budget": None} if fitted and not fits else recipe
        tally = _tally(convert(ann, free if fits else other, **own), batches, expected, labels, device)
        top = tally.top(1)
        accuracy.append(100 * tally.agreement if top is None else top[1])
        right = None if top is None else top[0]
        errors.append(100 * tally.error)
    shape = tuple(len(values) for values in axes.values())
    found = (np.array(x, np.float64).reshape(shape) for x in (accuracy, errors))
    return Grid(tuple(axes), tuple(map(tuple, axes.values())), right, *found)


def _tally(
    snn: onnx.ModelProto, batches: Sequence[Batch], expected: Sequence[Array], labels: Labels | None, device: str
) -> AccuracyCounter:
    from snncc.runtime import create_session

    tally = AccuracyCounter(labels)
    session = create_session(snn, device=device)
    any_size = not isinstance(session.get_inputs()[0].shape[0], int)
    name = session.get_outputs()[0].name
    for batch, wanted in zip(batches, expected, strict=True):
        count = len(wanted)
        size = max_batch(fold_of(snn), count) if any_size else count
        for start in range(0, count, size):
            part = {key: array[start : start + size] for key, array in batch.items()}
            tally.add(wanted[start : start + size], session.run([name], part)[0])
    return tally


def _recipe(known: Mapping[str, Any]) -> dict[str, Any]:
    """Options of `convert`, except coding and data, from which a model was made."""
    origin, weights = known.get("snncc.calibration", {}), known.get("snncc.weights", {})
    span = origin.get("input_range")
    method = origin.get("method") if origin.get("origin") == "data" else None
    return {
        "normalize": origin.get("normalize", "channel"),
        "percentile": origin.get("percentile"),
        "scale": method,
        "levels": "auto" if "spike_budget" in origin else origin.get("levels"),
        "spike_budget": origin.get("spike_budget"),
        "match": bool(origin.get("match_potentials", True)),
        "input_range": None if span is None else tuple(span),
        "fold_bn": weights.get("fold_bn", "weights"),
        "weights": weights.get("stored", "float"),
    }


def _plain(value: float) -> float | int:
    return int(value) if value == int(value) else value
