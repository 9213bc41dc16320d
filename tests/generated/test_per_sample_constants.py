# SPDX-License-Identifier: Apache-2.0
"""Constants that are repeated per sample keep their shape, where they are added, joined or returned."""

from __future__ import annotations

import numpy as np
import pytest

from tests.generated.harness import CODINGS, FEW, MANY, check
from tests.generated.per_sample_constants import draw


def _holds(seed: int) -> None:
    check(draw(np.random.default_rng([3, seed])), list(CODINGS)[seed % len(CODINGS)])


@pytest.mark.parametrize("seed", range(FEW))
def test_per_sample_constants(seed: int) -> None:
    _holds(seed)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(FEW, MANY))
def test_many_per_sample_constants(seed: int) -> None:
    _holds(seed)
