# SPDX-License-Identifier: Apache-2.0
"""Sizes read from shapes are those of samples, also with stacked time steps; outputs have the declared shapes."""

from __future__ import annotations

import numpy as np
import pytest

from tests.generated.harness import CODINGS, FEW, MANY, check
from tests.generated.open_axes import draw


def _holds(seed: int) -> None:
    check(draw(np.random.default_rng([5, seed])), list(CODINGS)[seed % len(CODINGS)])


@pytest.mark.parametrize("seed", range(FEW))
def test_open_axes(seed: int) -> None:
    _holds(seed)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(FEW, MANY))
def test_many_open_axes(seed: int) -> None:
    _holds(seed)
