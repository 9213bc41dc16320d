# SPDX-License-Identifier: Apache-2.0
"""Masks hide the masked values and no others, in every coding."""

from __future__ import annotations

import numpy as np
import pytest

from tests.generated.harness import CODINGS, FEW, MANY, check
from tests.generated.masks import draw


@pytest.mark.parametrize("coding", CODINGS)
@pytest.mark.parametrize("seed", range(FEW // len(CODINGS)))
def test_masks_hide(seed: int, coding: str) -> None:
    check(draw(np.random.default_rng(seed)), coding)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(MANY))
def test_masks_hide_everywhere(seed: int) -> None:
    check(draw(np.random.default_rng(1000 + seed)), [*CODINGS][seed % len(CODINGS)])
