# SPDX-License-Identifier: Apache-2.0
"""Per-layer levels of phase coding, from the statistics of the layer's activations.

`batchnorm`: powers of a base (one_spike.txt, section III-B2) that is chosen per layer. The output of a
BatchNormalization with factor γ and shift β has mean μ = β and standard deviation σ = |γ| in its channel, so that eq. 5
can be computed for this layer, in units of its scales λ: N(β/λ, (γ/λ)²).

`fitted`: levels that are not powers. A spike of phase p has the value of the p-th of the levels that code the layer's
activations with least squared error, and each layer needs a table of T numbers.
"""

from __future__ import annotations

import logging
from dataclasses import replace

import numpy as np

from snncc.analysis.activation_sites import activation_nodes, neuron_output
from snncc.calibration.calibrate import Calibration
from snncc.calibration.lloyd_max import lloyd_max, remainders
from snncc.calibration.observers import ActivationSite
from snncc.coding import Coding
from snncc.coding.scales import LayerSettings
from snncc.ir.graph import Graph
from snncc.ops.arrays import Array

__all__ = ["fitted_levels", "layer_levels"]

log = logging.getLogger("snncc")

_ALTERNATIONS = 2  # of levels for given scales and scales for given levels: more gain less than 1 %


def layer_levels(kind: str | None, graph: Graph, measured: Calibration, coding: Coding) -> dict[str, LayerSettings]:
    """Per-layer settings of the prepared `graph`, by the name of the ReLU; none for `powers` or None.

    Where levels cannot be fitted, they are powers of the base that suits their number.
    """
    match kind:
        case "batchnorm":
            return _behind_batchnorm(graph, measured, coding)
        case "fitted":
            found = {place.relu: fitted_levels(measured, place, coding) for place in measured.sites}
            few = [name for name, choice in found.items() if choice is None]
            if few and not coding.levels_per_step:  # else they are fitted again, step by step
                log.warning(
                    "too few different activations for %d levels, which are powers: %s", coding.steps, ", ".join(few)
                )
            usual = LayerSettings(base=coding.with_base("auto").base)
            return {name: choice or usual for name, choice in found.items()}
        case _:
            return {}


def fitted_levels(measured: Calibration, place: ActivationSite, coding: Coding) -> LayerSettings | None:
    """As many levels as `coding` has, with the least squared error in units of activations; None if there are too few.

    Levels in units of the scales and scales for these levels are fitted in turn, from the scales that the paper's base
    for that many levels would have: the coding's own base has no part in it. Where a second spike has levels, they are
    fitted to what the first spike leaves.
    """
    first = coding.first_spike.with_base("auto")
    fine = coding.steps - first.steps
    choice = LayerSettings()
    for _ in range(_ALTERNATIONS):
        counted = _in_units(measured, place, first, choice)
        levels = None if counted is None else lloyd_max(*counted, first.levels_per_step or first.steps)
        if levels is None:
            return None
        if levels[0] > 1 and np.isfinite(place.ceiling):  # scales are at most the ceiling; so must be levels x scale
            levels = tuple(level / levels[0] for level in levels)
        choice = LayerSettings(levels=levels)
    if not fine:
        return choice
    counted = _in_units(measured, place, first, choice)
    rest = None if counted is None or levels is None else lloyd_max(*remainders(*counted, levels), fine)
    return None if rest is None else replace(choice, fine=rest)


def _in_units(
    measured: Calibration, place: ActivationSite, coding: Coding, choice: LayerSettings
) -> tuple[Array, Array] | None:
    """Activations above 0 in units of the scales, and their weights in the squared error, (n,); None if not counted."""
    counted = measured.counted(place)
    if counted is None:
        return None
    values, counts = counted
    scale = np.broadcast_to(measured.scale(place, coding, choice).reshape(-1, 1), (len(counts), 1))
    return (values / scale).ravel(), (counts * scale**2).ravel()


def _behind_batchnorm(graph: Graph, measured: Calibration, coding: Coding) -> dict[str, LayerSettings]:
    """The base with the least MAPE, of each ReLU right after a BatchNormalization of constants."""
    scales = measured.scales(coding)
    found = {}
    for node in activation_nodes(graph):
        source = graph.producer(node.inputs[0])
        if source is None or source.op != "BatchNormalization":
            continue
        factor, shift = (graph.value(t) for t in source.inputs[1:3])
        if factor is None or shift is None:
            continue
        scale = scales.neurons[neuron_output(graph, node).name].reshape(-1)
        found[node.name] = LayerSettings(base=coding.best_base(shift / scale, np.abs(factor) / scale))
    return found
