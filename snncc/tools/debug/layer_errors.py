# SPDX-License-Identifier: Apache-2.0
"""Errors of a spiking network's layers against the corresponding layers of the ANN."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

__all__ = ["LayerError", "LayerErrors"]


@dataclass(frozen=True)
class LayerError:
    """One layer of neurons. Signal-to-noise ratios are 10 log10(Σ a² / Σ (â - a)²), in dB, â decoded from spikes.

    Attributes:
        name, op: The neuron's node.
        replaces: The node of the ANN that it replaces; None: it encodes its input, such as the network's input.
        neurons: Number of neurons.
        magnitude: Mean |a|.
        snr: Of what it sends; infinite without any error, NaN where all a are 0.
        own_snr: The same if all its inputs were the ANN's, constant over the time steps.
        output_error: As in `LayerErrors`, if this layer alone were exact.
    """

    name: str
    op: str
    replaces: str | None
    neurons: int
    magnitude: float
    snr: float
    own_snr: float
    output_error: float

    def to_json(self) -> dict[str, Any]:
        """As JSON values; null where there is no error at all, or no activation."""
        found = asdict(self)
        return {k: None if isinstance(v, float) and not math.isfinite(v) else v for k, v in found.items()}


@dataclass(frozen=True)
class LayerErrors:
    """All layers, sorted by the error that each adds, the largest first.

    Attributes:
        samples: How many were compared.
        output_error: Root mean square difference of the first output over the root mean square of the ANN's.
        exact_error: The same if all layers were exact; the rest is caused after the last of them.
        layers: In the order of `own_snr`, the smallest first.
    """

    samples: int
    output_error: float
    exact_error: float
    layers: tuple[LayerError, ...]

    def to_json(self) -> dict[str, Any]:
        """As JSON values."""
        layers = [layer.to_json() for layer in self.layers]
        return {**asdict(self), "layers": layers}
