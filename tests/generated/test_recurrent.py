# SPDX-License-Identifier: Apache-2.0
"""Recurrent layers with gates of 16 steps, from shipped tables, approximate the source layers."""

from __future__ import annotations

import numpy as np
import pytest

import snncc
import snncc.runtime
from snncc.coding.fs_tables import tables
from tests.generated.harness import FEW, MANY, run_plain
from tests.generated.recurrent import draw


def _cosine(a: np.ndarray, b: np.ndarray) -> float:
    a, b = (v.astype(np.float64).ravel() for v in (a, b))
    return float(a @ b / (np.linalg.norm(a) * np.linalg.norm(b)))


def _follows(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "fit", lambda *_, **__: pytest.fail("a table was fitted"))
    case = draw(np.random.default_rng(seed))
    snn = snncc.convert(case.model, snncc.FS(K=16), calibration=dict(case.feeds))
    want = run_plain(case.model, case.feeds)[0]
    plain = run_plain(snn, case.feeds)[0]
    native = snncc.runtime.create_session(snn, device="cpu").run(None, dict(case.feeds))[0]
    for found in (plain, native):
        assert found.shape == want.shape, case.text
        assert _cosine(want, found) >= 0.999, case.text
        assert np.linalg.norm(found) == pytest.approx(np.linalg.norm(want), rel=0.02), case.text


@pytest.mark.parametrize("seed", range(FEW))
def test_few(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    _follows(seed, monkeypatch)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(MANY))
def test_many(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    _follows(1000 + seed, monkeypatch)
