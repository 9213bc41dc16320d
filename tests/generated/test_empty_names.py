# SPDX-License-Identifier: Apache-2.0
"""Omitted optional inputs and outputs have no effect, in any position."""

from __future__ import annotations

import numpy as np
import pytest

import snncc
from tests.generated.empty_names import draw, draw_sequences
from tests.generated.harness import CODINGS, FEW, MANY, check, run_plain


def _sequences(seed: int) -> None:
    """What is left out is as good as zeros, and an output that is not wanted changes nothing."""
    gaps, full = draw_sequences(np.random.default_rng(seed))
    coding = list(CODINGS.values())[seed % len(CODINGS)][0]
    found, want = (run_plain(snncc.convert(c.model, coding, calibration=dict(c.feeds)), c.feeds) for c in (gaps, full))
    np.testing.assert_allclose(found[0], want[0], rtol=1e-5, atol=1e-5, err_msg=gaps.text)


@pytest.mark.parametrize("seed", range(FEW))
def test_few(seed: int) -> None:
    check(draw(np.random.default_rng(seed)), list(CODINGS)[seed % len(CODINGS)])


@pytest.mark.parametrize("seed", range(FEW // 4))
def test_few_sequences(seed: int) -> None:
    _sequences(seed)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(MANY))
def test_many(seed: int) -> None:
    check(draw(np.random.default_rng(1000 + seed)), list(CODINGS)[seed % len(CODINGS)])


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(MANY // 5))
def test_many_sequences(seed: int) -> None:
    _sequences(1000 + seed)
