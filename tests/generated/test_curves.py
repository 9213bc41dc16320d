# SPDX-License-Identifier: Apache-2.0
"""Activations match within the error of their tables, and saturate beyond the calibrated range."""

from __future__ import annotations

import numpy as np
import pytest

import snncc
import snncc.runtime
from snncc.coding import few_spikes as coding
from snncc.coding.fs_tables import fit, tables
from snncc.coding.fs_tables.activations import activation
from snncc.coding.fs_tables.neuron import FSTable
from tests.generated.curves import draw, draw_lone
from tests.generated.harness import FEW, MANY, run_plain

STEPS = (8, 10, 12, 16, 20)


@pytest.fixture(autouse=True)
def short_fits(monkeypatch):
    """Fits that take no time: what they leave of errors is part of what a table says of itself."""
    for name in ("_STARTING", "_GROWING", "_SETTLING"):
        monkeypatch.setattr(fit, name, 100)
    tables._fitted.cache_clear()
    yield
    tables._fitted.cache_clear()


def _saturates(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    lone, K, used = draw_lone(np.random.default_rng(seed)), STEPS[seed % len(STEPS)], []
    monkeypatch.setattr(coding, "table", lambda *given: used.append(tables.table(*given)) or used[-1])
    snn = snncc.convert(lone.case.model, snncc.FS(K=K), calibration=dict(lone.case.feeds))
    native = snncc.runtime.create_session(snn, device="cpu")
    for x in (lone.case.feeds["x"], lone.wild):
        for found in (run_plain(snn, {"x": x})[0], native.run(None, {"x": x})[0]):
            _near(lone.kind, used[-1], x * lone.scale + lone.bias, found / lone.factor, lone.case.text)


def _near(kind: str, table: FSTable, z: np.ndarray, found: np.ndarray, where: str) -> None:
    kept = np.clip(z.astype(np.float64), table.low, table.high)
    exact, function = activation(kind).function(kept), activation(kind).function
    slack = 1e-5 * np.abs(exact).max() + np.abs(function(kept * (1 + 1e-6)) - exact)
    assert (np.abs(found - exact) <= 1.02 * table.max_error + slack).all(), f"{table.low} … {table.high}, {where}"


def _follows(seed: int) -> None:
    case, K = draw(np.random.default_rng(seed)), STEPS[seed % len(STEPS)]
    snn = snncc.convert(case.model, snncc.FS(K=K), calibration=dict(case.feeds))
    want, found = (run_plain(model, case.feeds)[0].astype(np.float64).ravel() for model in (case.model, snn))
    cosine = want @ found / (np.linalg.norm(want) * np.linalg.norm(found))
    assert cosine >= (0.999 if K >= 16 else 0.99), f"{cosine}, K = {K}: {case.text}"


@pytest.mark.parametrize("seed", range(FEW))
def test_few_saturate(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    _saturates(seed, monkeypatch)


@pytest.mark.parametrize("seed", range(FEW))
def test_few_networks(seed: int) -> None:
    _follows(seed)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(MANY))
def test_many_saturate(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    _saturates(1000 + seed, monkeypatch)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(MANY))
def test_many_networks(seed: int) -> None:
    _follows(1000 + seed)
