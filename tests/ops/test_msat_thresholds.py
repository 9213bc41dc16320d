# SPDX-License-Identifier: Apache-2.0
"""The kernels compute a threshold only where the potential may reach it, with the same spikes for any parameters."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from snncc import ops
from snncc.ops.msat import PRESETS
from snncc.ops.registry import Array
from snncc.runtime.native import Library, Neuron

LETTERS = ("alpha", "k_a", "k_i", "C", "tau_mp", "tau_rd", "V_T")
SPECIAL = np.float32([np.nan, np.inf, -np.inf, 0, -0.0, 1e-41, 3e38, -3e38])


def parameters(rng: np.random.Generator, kind: int) -> dict[str, Any]:
    """A preset, usual parameters, or ones for which no bound of the thresholds holds."""
    if kind % 3 == 0:
        return dict(PRESETS[list(PRESETS)[kind % len(PRESETS)]])
    low, high = ((-1, 5), (0.01, 9))[kind % 2]
    found = {letter: float(np.float32(rng.uniform(low, high))) for letter in LETTERS}
    return found | {"V_T": float(np.float32(rng.uniform(-9, 1)))}


def inputs(rng: np.random.Generator, steps: int, size: int) -> list[Array]:
    x = np.float32(rng.normal(0.2, 0.7, (steps, size)) * rng.choice([1, 1, 1, 30, 1e-3], (1, size)))
    x = np.where(rng.random(x.shape) < 0.02, rng.choice(SPECIAL, x.shape), x)
    scale = np.float32(rng.uniform(0.3, 2, (size,) if rng.random() < 0.5 else (1,)))
    v, total = (np.float32(rng.normal(0, 1, (1, size))) for _ in range(2))
    return [x, scale, v, total, rng.integers(0, 4, 1)]


@pytest.mark.parametrize("library", ["plain", "avx2", "avx512"], indirect=True)
@pytest.mark.parametrize("name", ["MSATNeuron", "ConfidentMSATNeuron"])
@pytest.mark.parametrize("kind", range(24))
def test_same_spikes_for_any_parameters(kind: int, name: str, library: Library) -> None:
    rng = np.random.default_rng(kind)
    steps, size = int(rng.integers(1, 20)), int(rng.integers(1, 700))
    attributes = {**parameters(rng, kind), "steps": steps}
    if name == "ConfidentMSATNeuron":
        attributes |= {"survival": int(rng.integers(0, 2**32)), "early": int(rng.integers(0, 25)), "key": kind}
    given = inputs(rng, steps, size)
    with np.errstate(all="ignore"):
        expected = ops.get(name).reference(given, attributes)
    found = [np.zeros_like(array) for array in expected]
    Neuron(name, given, attributes, found).run()
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(one, other)
