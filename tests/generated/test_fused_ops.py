# SPDX-License-Identifier: Apache-2.0
"""Ops of onnxruntime's own convert like the standard ops that they are made of."""

from __future__ import annotations

import numpy as np
import pytest
from generated.fused_ops import draw
from generated.harness import CODINGS, FEW, MANY, check


@pytest.mark.parametrize("seed", range(FEW))
def test_networks_with_fused_ops(seed: int) -> None:
    check(draw(np.random.default_rng(seed)), list(CODINGS)[seed % len(CODINGS)])


@pytest.mark.slow
@pytest.mark.parametrize("coding", CODINGS)
def test_many_networks_with_fused_ops(coding: str) -> None:
    for seed in range(FEW, FEW + MANY // len(CODINGS)):
        check(draw(np.random.default_rng([seed, len(coding)])), coding)
