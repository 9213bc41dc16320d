# SPDX-License-Identifier: Apache-2.0
"""What quantize_dynamic writes converts as the float network with the same, dequantised weights."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from snncc.frontend.import_model import import_model
from tests.generated.dynamic_quantised import Quantised, draw
from tests.generated.harness import CODINGS, FEW, MANY, check, run_plain

_EIGHT_BITS = 0.04  # of the largest output: what rounding of weights and activations may change


def check_quantised(drawn: Quantised, coding: str) -> None:
    """The float network is the one that was quantised, except for rounding; and the spiking network follows it."""
    case = drawn.case
    ops = {n.op_type for n in case.model.graph.node}
    assert any("Integer" in op or op.startswith("DynamicQuantize") for op in ops), case.text
    plain = import_model(case.model)
    found = run_plain(plain.to_proto(), case.feeds)
    for model in (case.model, drawn.plain):
        for want, value in zip(run_plain(model, case.feeds), found, strict=True):
            assert np.abs(value - want).max() < _EIGHT_BITS * np.abs(want).max(), case.text
    if not plain.nodes("LSTM"):  # how closely gates follow is not a matter of quantisation
        check(replace(case, expected=found), coding)


@pytest.mark.parametrize("seed", range(FEW))
def test_dynamically_quantised_networks(seed: int) -> None:
    check_quantised(draw(np.random.default_rng(seed)), list(CODINGS)[seed % len(CODINGS)])


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(FEW, FEW + MANY // len(CODINGS)))
@pytest.mark.parametrize("coding", CODINGS)
def test_many_dynamically_quantised_networks(coding: str, seed: int) -> None:
    check_quantised(draw(np.random.default_rng([seed, len(coding)])), coding)
