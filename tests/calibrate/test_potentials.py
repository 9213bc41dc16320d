# SPDX-License-Identifier: Apache-2.0
"""How many samples membrane potentials are matched with."""

from __future__ import annotations

import logging

import numpy as np
import pytest
from onnx import parser

import snncc
from snncc import potentials

_MODEL = parser.parse_model(
    '<ir_version: 8, opset_import: ["": 17]> g (float[N, 4] x) => (float[N, 4] y) '
    "<float[4] b = {0.5, -0.2, 0.1, 0.3}> { z = Add (x, b) y = Relu (z) }"
)
_BYTES = 4 * 4 * 4 * 8  # four layers at a time, of four float32 values, at eight time steps


@pytest.mark.parametrize(
    ("samples", "held", "at_most", "matched"),
    [
        (1, 0, 1, True),
        (3, 2, 3, True),
        (3, 2, 2, False),
        (20, 2, 8, True),  # eight samples make a mean
        (20, 2, 7, False),
        (20, 20, 0, True),
    ],
)
def test_potentials_are_matched_where_enough_samples_fit(caplog, monkeypatch, samples, held, at_most, matched) -> None:
    monkeypatch.setattr(potentials, "_HELD", held * _BYTES)
    monkeypatch.setattr(potentials, "_HELD_AT_MOST", at_most * _BYTES)
    x = np.random.default_rng(0).normal(size=(samples, 4)).astype(np.float32)
    with caplog.at_level(logging.WARNING, "snncc"):
        snncc.convert(_MODEL, snncc.Rate(T=8), calibration=x)
    said = [r.message for r in caplog.records if "not matched" in r.message]
    assert bool(said) != matched
    assert all(f"8 time steps of {min(samples, 8)} samples take" in text for text in said)
