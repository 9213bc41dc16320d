# SPDX-License-Identifier: Apache-2.0
"""Search: each layer by itself, then the tuned against the untuned network, with all layers spiking."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from snncc.calibration.calibrate import Calibration
from snncc.calibration.layer_levels import fitted_levels
from snncc.calibration.observers import ActivationSite
from snncc.coding import Coding
from snncc.coding.scales import LayerSettings, Scales
from snncc.compiler.tuning.layer_error import OneLayer, each_layer
from snncc.compiler.tuning.spike_budget import with_second_spikes
from snncc.compiler.tuning.step_sharing import with_shared_steps
from snncc.errors import OptionError
from snncc.io.batches import Batch
from snncc.io.progress import track
from snncc.ir.graph import Graph

__all__ = ["SearchSpace", "TuningResult", "tuned"]

log = logging.getLogger("snncc")

NetworkError = Callable[[Scales], float]
Costs = dict[LayerSettings, float]  # the error that each choice for a layer leaves by itself

_SAMPLES = 256  # that layers are tuned on
_FACTORS = (0.8, 0.9, 1.1, 1.25)
_PERCENTILES = (99.9, 99.99, 100.0)
_WORTHWHILE = 0.99  # relative to the error: smaller gains are ignored


@dataclass(frozen=True)
class SearchSpace:
    """Choices of a search other than bases and multiples of the default scales.

    Attributes:
        levels: `powers` of a base, `fitted` ones, or, None, whichever are better.
        percentiles: Whether scales may be percentiles of the activations.
        share: Whether layers share out their time steps.
        spikes: Whether some layers may send a second spike.
        budget: Mean number of spikes of a neuron; None: chosen by the error.
    """

    levels: str | None = None
    percentiles: bool = True
    share: bool = False
    spikes: bool = False
    budget: float | None = None


@dataclass(frozen=True)
class TuningResult:
    """Result of a search.

    Attributes:
        choices: Of each layer that was changed, by the name of the ReLU.
        report: For the metadata, as JSON values.
    """

    choices: dict[str, LayerSettings]
    report: dict[str, Any]


def tuned(
    graph: Graph, coding: Coding, measured: Calibration, samples: Batch, error_of: NetworkError, space: SearchSpace
) -> TuningResult:
    """Choose levels (phase coding), scale and, optionally, steps of each layer that minimise the output error.

    Args:
        graph: The prepared ReLU network.
        coding: Whose number of time steps is the budget.
        measured: What is known of the activations, by counting them.
        samples: Some of the calibration data, {input: [n, …]}.
        error_of: The error of the spiking network with given scales, all else done as for the result.
        space: What may be chosen.

    Raises:
        OptionError: there is nothing to choose.
    """
    if coding.fixed_scale is not None:
        raise OptionError("with one alpha for all neurons there is nothing to tune; leave --alpha out")
    data = {name: array[:_SAMPLES] for name, array in samples.items()}
    stages: list[dict[str, LayerSettings]] = [{} for _ in range(4)]
    costs: dict[str, Costs] = {}
    for place, layer in track(each_layer(graph, measured.sites, data), "tuning", len(measured.sites)):
        found = _Layer(place, layer, coding, measured, space)
        for stage, settle in enumerate((found.settle_base, found.settle_levels, found.settle_scale), 1):
            settle()
            stages[stage][place.relu] = found.best
        costs[place.relu] = found.errors
        log.info("tune: %s: %s", place.relu, found.best)
    errors = [{name: cost[stage[name]] for name, cost in costs.items()} for stage in stages[2:]]
    if space.spikes:
        two, left = with_second_spikes(graph, coding, measured, samples, stages[2], space.budget)
        stages, errors = [*stages, two], [*errors, left]
    if space.share:
        stages += [with_shared_steps(coding, measured, *pair) for pair in zip(stages[2:], errors, strict=True)]
    return _with_least_error(coding, measured, error_of, stages, costs)


@dataclass
class _Layer:
    """The search in one layer; `best` is the current choice, `errors` maps each tried choice to its error."""

    place: ActivationSite
    layer: OneLayer
    coding: Coding
    measured: Calibration
    space: SearchSpace
    best: LayerSettings = field(default_factory=LayerSettings)
    errors: Costs = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.errors[self.best] = self._error(self.best)

    def settle_base(self) -> None:
        """Choose the best of the coding's bases; the error may have several minima."""
        if self.space.levels != "fitted":
            for base in self.coding.bases():
                self._gains(LayerSettings(base=base))

    def settle_levels(self) -> None:
        """Choose levels fitted to the activations instead of powers of a base, if that reduces the error."""
        if self.coding.per_layer_levels and self.space.levels != "powers":
            choice = fitted_levels(self.measured, self.place, self.coding)
            if choice is not None:
                self._gains(choice)

    def settle_scale(self) -> None:
        """Choose a percentile or a multiple of the default scale instead, if that reduces the error."""
        usual = self.best
        for percent in _PERCENTILES if self.space.percentiles else ():
            self._gains(replace(usual, percentile=percent))
        for factor in _FACTORS:
            self._gains(replace(usual, factor=factor))

    def _gains(self, choice: LayerSettings) -> bool:
        """Accept `choice` as the best if it improves on the best so far by more than the minimum."""
        self.errors[choice] = self._error(choice)
        if self.errors[choice] >= _WORTHWHILE * self.errors[self.best]:
            return False
        self.best = choice
        return True

    def _error(self, choice: LayerSettings) -> float:
        coding = self.coding.of_layer(choice)
        return self.layer.error(coding, self.measured.scale(self.place, self.coding, choice))


def _with_least_error(
    coding: Coding,
    measured: Calibration,
    error_of: NetworkError,
    stages: list[dict[str, LayerSettings]],
    costs: dict[str, Costs],
) -> TuningResult:
    """The best of the settings after each of the `stages`, the first of which is the untuned network."""
    candidates = {_named(choices): choices for choices in stages}
    errors = {name: error_of(measured.scales(coding, choices)) for name, choices in candidates.items()}
    taken = min(errors, key=lambda name: errors[name])
    log.info("tune: errors of the whole network: %s; taken: %s", errors, taken)
    report = {"error": {"untuned": errors["nothing"], "tuned": errors[taken]}, "tried": errors, "taken": taken}
    told = {
        # by itself: untuned, and with the best choice for the usual number of steps
        name: {
            **asdict(candidates[taken].get(name, LayerSettings())),
            "error": [cost[LayerSettings()], cost[stages[3][name]]],
        }
        for name, cost in costs.items()
    }
    return TuningResult(candidates[taken], {**report, "layers": told})


def _named(choices: dict[str, LayerSettings]) -> str:
    """The kinds of settings chosen in any layer, such as `levels and scales`."""
    some = choices.values()
    kinds = {
        "steps": any(c.steps is not None for c in some),
        "bases": any(c.base is not None for c in some),
        "levels": any(c.levels is not None for c in some),
        "second spikes": any(c.fine is not None for c in some),
        "scales": any(c.percentile is not None or c.factor != 1 for c in some),
    }
    *others, last = [kind for kind, is_chosen in kinds.items() if is_chosen] or ["nothing"]
    return f"{', '.join(others)} and {last}" if others else last
