# SPDX-License-Identifier: Apache-2.0
"""Fits the tables (T, h, d) of a few-spikes neuron to an activation.

The neuron cuts the range of pre-activations into pieces: a spike of step t shifts all above T_t down by h_t, on top of
other pieces, which later steps then code with the same spikes. It starts as the binary code of the range, behind a
spike that is always fired and gives the offset; then steps are inserted where they help most, and annealed.
"""

from __future__ import annotations

import logging
import math
import operator

import numpy as np

from snncc.activations import Function
from snncc.errors import OptionError
from snncc.few_spikes.neuron import ALWAYS, FSTable
from snncc.few_spikes.search import Annealer, Objective

__all__ = ["LARGEST_K", "fit"]

LARGEST_K = 64

_log = logging.getLogger(__name__)

_CHAINS = 3
_FIRST = 6  # steps of the binary code that a chain starts from
_GROWING = 3000  # changes per step inserted
_SETTLING = 6000  # changes per step at the end, for the best chain
_FINE = 6400  # points for the last word on d


def fit(function: Function, K: int, low: float, high: float, seed: int = 0) -> FSTable:
    """Tables of K steps with which the neuron approximates `function` on [low, high].

    Below and above the range it stays about where it is at the range's ends. The error is weighted by plausible
    pre-activations: half uniform on the range, half normal with mean 0 and standard deviation 2, cut off at its ends.
    The same arguments give the same tables on the same machine; K = 16 takes some 15 seconds.

    Raises:
        OptionError: K, the range or the seed makes no sense, or the function is not finite on the range.
    """
    K, low, high = _checked(function, K, low, high, seed)
    objective, rng = Objective(function, low, high), np.random.default_rng(seed)
    chains = [_grown(objective, K, low, high, rng) for _ in range(_CHAINS)]
    best = min(chains, key=lambda chain: chain.error)
    best.run(_SETTLING * K, 0.03, 0.001)
    d = Objective(function, low, high, _FINE).best(best.T, best.h)[1]
    return FSTable.measured(best.T, best.h, d.astype(np.float32), function, low, high)


def _grown(objective: Objective, K: int, low: float, high: float, rng: np.random.Generator) -> Annealer:
    steps = (high - low) * 2.0 ** -np.arange(1.0, min(K, _FIRST))
    chain = Annealer(objective, [ALWAYS, *steps], [low, *steps], rng)
    chain.run(_GROWING * len(chain.T), 0.1, 0.01)
    while len(chain.T) < K:
        chain.grow(_GROWING // 10)
        chain.run(_GROWING, 0.03, 0.003)
    _log.debug("a chain of %d steps has an error of %.4g", K, math.sqrt(max(chain.error, 0)))
    return chain


def _checked(function: Function, K: int, low: float, high: float, seed: int) -> tuple[int, float, float]:
    try:
        K, low, high, seed = operator.index(K), float(low), float(high), operator.index(seed)
    except (TypeError, ValueError) as error:
        raise OptionError(f"K and seed must be whole numbers, low and high numbers ({error})") from error
    if not 1 <= K <= LARGEST_K:
        raise OptionError(f"K is {K}, but a fit takes 1 to {LARGEST_K} steps; 8 to 20 are usual")
    if not (math.isfinite(low) and math.isfinite(high) and low < high):
        raise OptionError(f"the range is [{low:g}, {high:g}], but low must be below high and both finite; try -8 8")
    if high - low > 1e6 or high - low < 1e-6:
        raise OptionError(f"the range [{low:g}, {high:g}] is too wide or too narrow for float32; try -8 8")
    if seed < 0:
        raise OptionError(f"seed is {seed}, but it must be 0 or more")
    if not np.isfinite(function(np.linspace(low, high, 101))).all():
        raise OptionError(f"the activation is not finite everywhere on [{low:g}, {high:g}]; give a narrower range")
    return K, low, high
