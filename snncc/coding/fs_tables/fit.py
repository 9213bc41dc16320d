# SPDX-License-Identifier: Apache-2.0
"""Fit the tables (T, h, d) of a few-spikes neuron to an activation.

The neuron divides the range of pre-activations into pieces: a spike of step t shifts all values above T_t down by h_t,
onto other pieces, which later steps then code with the same spikes. The fit starts with the binary code of the range,
after a spike that always fires and gives the offset. Then steps are inserted where they reduce the error most, and
annealed.
"""

from __future__ import annotations

import logging
import math
import operator

import numpy as np

from snncc.coding.fs_tables.activations import Function
from snncc.coding.fs_tables.annealing import Annealer
from snncc.coding.fs_tables.neuron import ALWAYS, FSTable
from snncc.coding.fs_tables.objective import Objective
from snncc.errors import OptionError

__all__ = ["LARGEST_K", "fit"]

LARGEST_K = 64

_log = logging.getLogger(__name__)

_CHAINS = 8
_TRIES = 2  # changes per chain and round
_FIRST = 6  # steps of the binary code that a chain starts from
_STARTING = 6000  # changes per step of it
_GROWING = 6000  # changes for each step inserted
_INSERTED = 60  # places that are tried for it
_SETTLING = 6000  # changes per step at the end, for the best chains
_SETTLED, _SETTLING_TRIES = 6, 2
_COARSE, _FINE, _FINEST = 400, 800, 6400  # points: while growing, while settling, for the last word on d


def fit(function: Function, K: int, low: float, high: float, seed: int = 0, *, start: FSTable | None = None) -> FSTable:
    """Tables of K steps with which the neuron approximates `function` on [low, high].

    Below and above the range it stays what it is at the range's ends. The error is weighted by plausible
    pre-activations: half uniform on the range, half normal with mean 0 and standard deviation 2, cut off at its ends.
    The same arguments give the same tables on the same machine; K = 16 takes some 8 seconds. The search starts from
    `start`, tables of fewer steps for the same function and range, which is faster, or from a binary code.

    Raises:
        OptionError: K, the range or the seed makes no sense, or the function is not finite on the range.
    """
    K, low, high = _checked(function, K, low, high, seed)
    steps = (high - low) * 2.0 ** -np.arange(1.0, min(K, _FIRST))
    T, h = ((ALWAYS, *steps), (low, *steps)) if start is None else (start.T, start.h)
    coarse, rng = Objective(function, low, high, _COARSE), np.random.default_rng(seed)
    chains = Annealer(coarse, T, h, rng, chains=_CHAINS, tries=_TRIES)
    if start is None:
        chains.run(_rounds(_STARTING * chains.steps), 0.3, 0.03)
    while chains.steps < K:
        chains.grow(_INSERTED)
        chains.run(_rounds(_GROWING), 0.1, 0.01)
    chains.refine(Objective(function, low, high, _FINE), _SETTLED, _SETTLING_TRIES)
    chains.run(_SETTLING * K // (_SETTLED * _SETTLING_TRIES), 0.1, 0.002)
    error, found_T, found_h = chains.best
    _log.debug("%d steps: an error of %.4g", K, math.sqrt(max(error, 0)))
    d = Objective(function, low, high, _FINEST).best(found_T, found_h)[1]
    return FSTable.measured(found_T, found_h, d.astype(np.float32), function, low, high)


def _rounds(changes: int) -> int:
    return changes // (_CHAINS * _TRIES)


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
