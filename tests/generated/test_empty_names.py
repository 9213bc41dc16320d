# SPDX-License-Identifier: Apache-2.0
"""Optional inputs and outputs that are left out stand for nothing, wherever an op with them stands."""

from __future__ import annotations

import numpy as np
import pytest

from tests.generated.empty_names import draw
from tests.generated.harness import CODINGS, FEW, MANY, check


@pytest.mark.parametrize("seed", range(FEW))
def test_few(seed: int) -> None:
    check(draw(np.random.default_rng(seed)), list(CODINGS)[seed % len(CODINGS)])


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(MANY))
def test_many(seed: int) -> None:
    check(draw(np.random.default_rng(1000 + seed)), list(CODINGS)[seed % len(CODINGS)])
