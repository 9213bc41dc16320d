# SPDX-License-Identifier: Apache-2.0
"""What calibration hands to the passes: plain data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["NORMALIZATIONS", "Scales"]

NORMALIZATIONS = ("channel", "layer", "none")


@dataclass(frozen=True)
class Scales:
    """Neurons' scales λ > 0 and the inputs' largest magnitudes.

    Attributes:
        neurons: λ of each neuron-to-be, by the tensor that its ReLU computes; broadcasts to that tensor.
        inputs: Largest magnitude of each graph input, by name.
        normalize: `channel` or `layer` (λ goes into the weights) or `none` (λ per channel stays with the neuron).
        origin: Where they come from, as JSON values, for the model's metadata.
    """

    neurons: Mapping[str, npt.NDArray[np.float64]]
    inputs: Mapping[str, float]
    normalize: str = "channel"
    origin: Mapping[str, Any] = field(default_factory=dict)
