# SPDX-License-Identifier: Apache-2.0
"""Branches selected by shapes and constants convert; branches selected by values, and loops, are refused by name."""

from __future__ import annotations

import numpy as np
import pytest

import snncc
from snncc.errors import UnsupportedOpError
from tests.generated.harness import CODINGS, FEW, MANY, check
from tests.generated.subgraphs import draw, draw_ids, draw_refused


def _refused(seed: int) -> None:
    drawn = draw_refused(np.random.default_rng(seed))
    with pytest.raises(UnsupportedOpError) as caught:
        snncc.convert(drawn.model, list(CODINGS.values())[seed % len(CODINGS)][0])
    assert f"{drawn.op}: " in str(caught.value), drawn.model
    assert f"'{drawn.node}'" in str(caught.value), drawn.model


@pytest.mark.parametrize("seed", range(FEW))
def test_few(seed: int) -> None:
    check(draw(np.random.default_rng(seed)), list(CODINGS)[seed % len(CODINGS)])


@pytest.mark.parametrize("seed", range(FEW // 2))
def test_few_of_integers(seed: int) -> None:
    check(draw_ids(np.random.default_rng(seed)), list(CODINGS)[seed % len(CODINGS)])


@pytest.mark.parametrize("seed", range(FEW))
def test_few_refused(seed: int) -> None:
    _refused(seed)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(MANY))
def test_many(seed: int) -> None:
    check(draw(np.random.default_rng(1000 + seed)), list(CODINGS)[seed % len(CODINGS)])


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(MANY))
def test_many_refused(seed: int) -> None:
    _refused(1000 + seed)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(MANY // 5))
def test_many_of_integers(seed: int) -> None:
    check(draw_ids(np.random.default_rng(1000 + seed)), list(CODINGS)[seed % len(CODINGS)])
