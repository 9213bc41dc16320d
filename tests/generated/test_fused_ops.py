# SPDX-License-Identifier: Apache-2.0
"""onnxruntime-specific ops convert like the standard ops that they consist of."""

from __future__ import annotations

import numpy as np
import pytest

from snncc.frontend.import_model import import_model
from tests.generated.fused_ops import draw
from tests.generated.harness import CODINGS, FEW, MANY, Case, check, run_plain


def spelled_out(case: Case) -> None:
    """The network as passes see it computes what the file does."""
    plain = import_model(case.model)
    assert {n.domain or "" for n in plain.nodes()} == {""}, case.text
    for want, found in zip(run_plain(case.model, case.feeds), run_plain(plain.to_proto(), case.feeds), strict=True):
        np.testing.assert_allclose(found, want, atol=2e-4 * max(1, np.abs(want).max()), err_msg=case.text)


@pytest.mark.parametrize("seed", range(FEW))
def test_networks_with_fused_ops(seed: int) -> None:
    check(draw(np.random.default_rng(seed)), list(CODINGS)[seed % len(CODINGS)])
    spelled_out(draw(np.random.default_rng(seed), curves=True))


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(FEW, FEW + MANY // len(CODINGS)))
@pytest.mark.parametrize("coding", CODINGS)
def test_many_networks_with_fused_ops(coding: str, seed: int) -> None:
    check(draw(np.random.default_rng([seed, len(coding)])), coding)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(FEW, FEW + MANY))
def test_many_networks_with_fused_curves(seed: int) -> None:
    spelled_out(draw(np.random.default_rng(seed), curves=True))
