# SPDX-License-Identifier: Apache-2.0
"""Try candidates in order of cost until one meets the accuracy budget."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx

from snncc.coding import Coding
from snncc.compiler.convert import convert
from snncc.errors import BudgetError, OptionError
from snncc.evaluation.evaluate import evaluate
from snncc.io.batches import Samples
from snncc.io.model_reader import Source
from snncc.ir.metadata import metadata_of
from snncc.storage.mapped import left_in_files

__all__ = ["Trial", "candidates", "convert_within"]

_PERCENTILE = 99.99
_SAMPLES = 2000  # that the drop is measured on, at most


@dataclass(frozen=True)
class Trial:
    """A candidate that was tried.

    Attributes:
        coding: The coding with its time steps.
        percentile: The percentile of the activations used as scale; None: the scale was as requested.
        levels: Where levels come from, as the metadata have it; None: powers of the coding's base, or other levels.
        samples: Number of samples on which the drop was measured.
        labelled: Whether these had labels.
        drop: Percentage points of accuracy lost or, without labels, of samples with another answer than the ANN's.
        spikes_per_neuron: Mean spikes of a neuron for a sample.
    """

    coding: Coding
    percentile: float | None
    levels: str | None
    samples: int
    labelled: bool
    drop: float
    spikes_per_neuron: float


def candidates(coding: Coding, *, steps: bool = True, base: bool = True) -> list[Coding]:
    """`coding` with increasing numbers of time steps.

    Args:
        coding: The coding with all other parameters.
        steps: Whether the number of time steps is free; else, and for a coding without, there is one.
        base: Whether the base, where the coding has one, is free, and follows from the number of steps.
    """
    found = [coding.with_steps(number) for number in coding.steps_grid] if steps and coding.steps_field else [coding]
    return [one.with_base("auto") for one in found] if base else found


def convert_within(
    model: Source,
    codings: Iterable[Coding],
    max_drop: float,
    *,
    calibration: Samples,
    tried: Callable[[Trial], None] | None = None,
    **options: Any,
) -> onnx.ModelProto:
    """Convert with the first of `codings`, ordered by cost, that loses no more than `max_drop` on `calibration`.

    With each, scales are tried as requested; then, if nothing was requested, as a percentile. The drop is measured with
    the labels that come with the data; without any, it is the share of samples with a different answer.

    Args:
        model: The network, as for `snncc.convert`.
        codings: For example `candidates(snncc.Phase())`, of this module.
        max_drop: Percentage points.
        calibration: As for `snncc.convert`, except for data that can be read only once.
        tried: Called with every trial once its drop is known.
        options: As for `snncc.convert`.

    Raises:
        BudgetError: no candidate meets `max_drop`.
        SnnccError: whatever cannot be converted or evaluated.
    """
    if not isinstance(calibration, str | Path | Mapping | np.ndarray):
        raise OptionError("a drop is measured on calibration data that can be read again: give an array or a path")
    if not 0 <= max_drop <= 100:
        raise OptionError(f"max_drop is {max_drop}, but it must be percentage points, 0 to 100")
    best = float("inf")
    for coding in codings:
        for own in _recipes(options):
            recipe = {**options, **own}
            trial = _tried(model, coding, own, calibration, recipe)
            if tried is not None:
                tried(trial)
            if trial.drop <= max_drop:
                return convert(model, coding, calibration=calibration, **recipe)
            best = min(best, trial.drop)
    raise BudgetError(
        f"no recipe loses at most {max_drop:g} points on the calibration data; the best one loses {best:.2f}. Allow "
        "more, or try more time steps or another coding"
    )


def _recipes(options: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Options that are tried in addition to `options`, first none."""
    if options.get("tune", False):
        return [{}]
    scales = any(options.get(key) is not None for key in ("percentile", "scale"))
    return [{}] if scales else [{}, {"percentile": _PERCENTILE}]


def _tried(model: Source, coding: Coding, own: Mapping[str, Any], data: Samples, recipe: Mapping[str, Any]) -> Trial:
    """The loss of a candidate; a network of single time steps is measured in its equivalent folded form."""
    form = "folded" if recipe.get("form") == "step" else recipe.get("form", "auto")
    with left_in_files():
        snn = convert(model, coding, calibration=data, **{**recipe, "form": form, "observer": None})
        found = evaluate(snn, model, data, preprocess=recipe.get("preprocess"), limit=_SAMPLES, device="cpu")
    drop = 100 * (1 - found.agreement) if found.drop is None else found.drop
    levels = metadata_of(snn)["snncc.calibration"].get("levels")
    return Trial(
        coding, own.get("percentile"), levels, found.samples, found.drop is not None, drop, found.spikes_per_neuron
    )
