# SPDX-License-Identifier: Apache-2.0
"""Ops that compare, choose or count give the same results in the spiking network as in its source."""

from __future__ import annotations

import numpy as np
import pytest

from tests.generated.analog_functions import draw
from tests.generated.harness import CODINGS, FEW, MANY, check


@pytest.mark.parametrize("seed", range(FEW))
def test_analog_functions(seed: int) -> None:
    check(draw(np.random.default_rng(seed)), list(CODINGS)[seed % len(CODINGS)])


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(FEW, FEW + MANY // len(CODINGS)))
@pytest.mark.parametrize("coding", CODINGS)
def test_many_analog_functions(coding: str, seed: int) -> None:
    check(draw(np.random.default_rng([seed, len(coding)])), coding)
