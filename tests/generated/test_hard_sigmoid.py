# SPDX-License-Identifier: Apache-2.0
"""Piecewise linear activations are coded exactly, in every coding."""

from __future__ import annotations

import numpy as np
import pytest

from tests.generated.hard_sigmoid import draw
from tests.generated.harness import CODINGS, FEW, MANY, check


@pytest.mark.parametrize("coding", CODINGS)
@pytest.mark.parametrize("seed", range(FEW // len(CODINGS)))
def test_pieces_are_kept(seed: int, coding: str) -> None:
    check(draw(np.random.default_rng(seed)), coding)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(MANY))
def test_pieces_are_kept_everywhere(seed: int) -> None:
    check(draw(np.random.default_rng(1000 + seed)), [*CODINGS][seed % len(CODINGS)])
