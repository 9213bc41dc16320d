# SPDX-License-Identifier: Apache-2.0
"""Rows may be parts of samples; ops that mix or reorder samples are refused where rows are time steps."""

from __future__ import annotations

import numpy as np
import pytest

from snncc.errors import SnnccError
from tests.generated.folded_rows import draw
from tests.generated.harness import CODINGS, FEW, MANY, check


def _holds(seed: int) -> None:
    case, mixes = draw(np.random.default_rng([8, seed]))
    coding = list(CODINGS)[seed % len(CODINGS)]
    if mixes and CODINGS[coding][0].slices > 1:
        with pytest.raises(SnnccError, match="mixes samples"):
            check(case, coding)
    else:
        check(case, coding)


@pytest.mark.parametrize("seed", range(FEW))
def test_folded_rows(seed: int) -> None:
    _holds(seed)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(FEW, MANY))
def test_many_folded_rows(seed: int) -> None:
    _holds(seed)
