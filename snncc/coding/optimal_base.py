# SPDX-License-Identifier: Apache-2.0
"""The base of phase coding with the least mean absolute percentage error (MAPE; one_spike.txt, eq. 5).

    MAPE(Q) = E[|u - û(u; Q)| / u | 0 < u <= 1],   u ~ N(μ, σ²),

with û the neuron's output for u, and activations in units of the scale. The paper assumes μ = 0, σ = 1 for all layers,
which gives Q = 1.32 at T = 16 and 1.22 at T = 24; a BatchNormalization before the neurons gives the actual values.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

__all__ = ["BASES", "best_base", "percentage_error"]

Array = npt.NDArray[np.float64]
Code = Callable[[Array], Array]

BASES = tuple(round(1 + step / 100, 2) for step in range(3, 101))
_POINTS = 4096
_FEWEST = 1e-6  # of a channel's activations: channels with fewer of them within the range are ignored
_U = (np.arange(_POINTS) + 0.5) / _POINTS  # midpoints: the integrand jumps at thresholds, but lies within 0 … 1


def percentage_error(code: Code, mean: npt.ArrayLike = 0.0, deviation: npt.ArrayLike = 1.0) -> float:
    """MAPE of `code`, averaged over channels whose pre-activations are N(mean, deviation²) in units of the scale.

    Args:
        code: What a neuron makes of activations (n,) in units of its scale.
        mean, deviation: One value or one per channel, (channels,); deviations above 0.
    """
    mean, deviation = (np.atleast_1d(np.asarray(v, np.float64))[:, None] for v in (mean, deviation))
    density = np.exp(-0.5 * ((_U - mean) / deviation) ** 2) / (deviation * np.sqrt(2 * np.pi) * _POINTS)
    weight = density.sum(axis=0) if len(density) > 1 else density[0]
    return float(weight @ (np.abs(_U - code(_U)) / _U) / weight.sum())


def best_base(code_at: Callable[[float], Code], mean: npt.ArrayLike = 0.0, deviation: npt.ArrayLike = 1.0) -> float:
    """The base of `BASES` with the least `percentage_error`; `code_at` gives the code of each.

    Channels whose activations are never above 0, or never below 1, have no part in it; if all are such, it is as if
    their distribution was not known.
    """
    mean, deviation = np.broadcast_arrays(*(np.atleast_1d(np.asarray(v, np.float64)) for v in (mean, deviation)))
    alive = deviation > 0
    mean, deviation = mean[alive], deviation[alive]
    inside = np.exp(-0.5 * ((_U - mean[:, None]) / deviation[:, None]) ** 2).mean(axis=1) / deviation > _FEWEST
    mean, deviation = (mean[inside], deviation[inside]) if inside.any() else (np.zeros(1), np.ones(1))
    errors = [percentage_error(code_at(base), mean, deviation) for base in BASES]
    return BASES[int(np.argmin(errors))]
