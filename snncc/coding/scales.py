# SPDX-License-Identifier: Apache-2.0
"""Results of calibration that the passes use, as plain data."""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from snncc.ops.arrays import Array

__all__ = [
    "FOLDS",
    "LEVELS",
    "NORMALIZATIONS",
    "SCALES",
    "WEIGHTS",
    "InputGrid",
    "LayerSettings",
    "PotentialCorrection",
    "Scales",
    "SpikeConfidence",
    "WantedConfidence",
]

NORMALIZATIONS = ("channel", "layer", "none")
SCALES = ("max", "percentile", "least-squares")
LEVELS = ("auto", "powers", "batchnorm", "fitted")  # of phase coding: the origin of each layer's levels


FOLDS = ("weights", "threshold")

WEIGHTS = ("float", "int8", "int8-tensor")


@dataclass(frozen=True)
class LayerSettings:
    """Per-layer settings of one layer of neurons.

    Attributes:
        base: Base of its levels; None: the coding's.
        levels: Descending levels other than powers of a base, in units of the scale; None: the coding's.
        fine: Descending levels of a second spike, which codes what the first leaves; None: the coding's.
        steps: Number of time steps; None: the coding's.
        percentile: Percentile of its activations used as scale, 100 for the maximum; None: as for other layers.
        factor: Factor on the scale.
    """

    base: float | None = None
    levels: tuple[float, ...] | None = None
    steps: int | None = None
    percentile: float | None = None
    factor: float = 1.0
    fine: tuple[float, ...] | None = None


@dataclass(frozen=True, eq=False)
class InputGrid:
    """The values of an input: offset + step k, with whole numbers k of either sign, below 2^bits in magnitude.

    Attributes:
        offset, step: One value, or one per channel; broadcast to the input.
        bits: Binary digits of the largest magnitude of k.
    """

    offset: Array
    step: Array
    bits: int


@dataclass(frozen=True)
class Scales:
    """Neurons' scales λ > 0 and the inputs' largest magnitudes.

    Attributes:
        neurons: λ of each activation site, by the tensor that its ReLU computes; broadcasts to that tensor.
        kept: Those tensors whose λ stays with the neuron: sites on values that no synapse computes.
        inputs: Largest magnitude of each graph input, by name.
        grids: The grid of each input whose data has one, by name.
        potentials: (Lowest, highest) pre-activation of each activation other than ReLU, by node.
        analog: (Lowest, highest) value of the output of each non-linear op, by tensor.
        normalize: `channel` or `layer` (λ goes into the weights) or `none` (λ per channel stays with the neuron).
        choices: Per-layer settings, by the name of the ReLU.
        origin: The origin of the scales, as JSON values, for the model's metadata.
    """

    neurons: Mapping[str, npt.NDArray[np.float64]]
    inputs: Mapping[str, float]
    grids: Mapping[str, InputGrid] = field(default_factory=dict, kw_only=True)
    potentials: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    analog: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    normalize: str = "channel"
    choices: Mapping[str, LayerSettings] = field(default_factory=dict)
    kept: Set[str] = field(default=frozenset(), kw_only=True)
    origin: Mapping[str, Any] = field(default_factory=dict)

    @property
    def own(self) -> dict[str, npt.NDArray[np.float64]]:
        """λ of the neurons that keep theirs."""
        return {t: scale for t, scale in self.neurons.items() if self.normalize == "none" or t in self.kept}

    @property
    def folded(self) -> dict[str, npt.NDArray[np.float64]]:
        """λ of the others, whose weights take it."""
        own = self.own
        return {t: scale for t, scale in self.neurons.items() if t not in own}

    def times(self, factor: float) -> Scales:
        """The scales of all neurons, which are their thresholds, times `factor`; those of the inputs are unchanged."""
        scaled = {name: scale * factor for name, scale in self.neurons.items()}
        return replace(self, neurons=scaled, origin={**self.origin, "threshold_scale": factor})


@dataclass(frozen=True)
class SpikeConfidence:
    """The share of a layer's early spikes that is correct (msat.txt, section 4.2).

    Attributes:
        p: Probability that an early spike survives: the share of the layer's neurons without SIN.
        early: Number of early time steps.
    """

    p: float
    early: int


@dataclass(frozen=True)
class WantedConfidence:
    """The early spikes whose confidence a coding requests.

    Attributes:
        op: Op of the neurons.
        p, early: As in `SpikeConfidence`; None: measured in calibration.
        all_layers: Whether all layers are included, or only the last one.
    """

    op: str
    p: float | None
    early: int | None
    all_layers: bool


@dataclass(frozen=True, eq=False)
class PotentialCorrection:
    """Correction of a potential x to gain * (x + offset); both per channel, broadcasting to x."""

    gain: Array
    offset: Array
