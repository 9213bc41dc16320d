# SPDX-License-Identifier: Apache-2.0
"""Networks with the less usual element types, ranks and declarations convert, and keep their signature."""

from __future__ import annotations

import numpy as np
import pytest

from tests.generated.element_types import draw
from tests.generated.harness import CODINGS, FEW, MANY, check


@pytest.mark.parametrize("seed", range(FEW))
def test_element_types(seed: int) -> None:
    check(draw(np.random.default_rng(seed)), list(CODINGS)[seed % len(CODINGS)])


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(FEW, FEW + MANY // len(CODINGS)))
@pytest.mark.parametrize("coding", CODINGS)
def test_many_element_types(coding: str, seed: int) -> None:
    check(draw(np.random.default_rng([seed, len(coding)])), coding)
