# SPDX-License-Identifier: Apache-2.0
"""The untrained networks in every coding; `tests/benchmarks/networks.py` makes the full table."""

from __future__ import annotations

import numpy as np
import onnx
import pytest

import snncc
from snncc.models.zoo import ZOO, noise
from snncc.runtime import create_session

CODINGS = [snncc.Phase(T=16, Q=1.3), snncc.FS(K=6), snncc.Rate(T=6), snncc.MSAT(T=6)]
LIGHT = ["densenet", "autoencoder", "m5", "bilstm_imdb", "text_gcn"]  # enough for the default tests
SAMPLES = {"bilstm_imdb": 64}  # it has one output: the norm of a few is that of their largest


def _run(model: onnx.ModelProto, samples: dict[str, np.ndarray]) -> list[np.ndarray]:
    return create_session(model, device="cpu").run(None, samples)


@pytest.mark.parametrize("name", [pytest.param(n, marks=() if n in LIGHT else pytest.mark.slow) for n in ZOO])
def test_fine_levels_give_the_same_outputs(name):
    model = ZOO[name]()
    samples = noise(model, SAMPLES.get(name, 8), 1)
    snn = snncc.convert(model, snncc.FS(K=16), calibration=noise(model, 32, 0))
    for expected, found in zip(_run(model, samples), _run(snn, samples), strict=True):
        assert expected.ravel() @ found.ravel() >= 0.999 * np.linalg.norm(expected) * np.linalg.norm(found)
        assert np.linalg.norm(found) == pytest.approx(np.linalg.norm(expected), rel=0.01)


@pytest.mark.parametrize("coding", CODINGS, ids=lambda c: c.name)
@pytest.mark.parametrize("name", LIGHT)
def test_every_coding_runs(name, coding):
    model = ZOO[name]()
    samples = noise(model, 2, 1)
    snn = snncc.convert(model, coding, calibration=noise(model, 8, 0))
    assert all(np.isfinite(found).all() and found.std() > 0 for found in _run(snn, samples))
