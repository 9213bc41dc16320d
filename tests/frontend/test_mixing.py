# SPDX-License-Identifier: Apache-2.0
"""Ops that mix samples are refused by name where rows are time steps, and accepted elsewhere."""

from __future__ import annotations

import numpy as np
import pytest

import snncc

X = np.random.default_rng(0).normal(size=(16, 4)).astype(np.float32)
GIVEN = {"zero": np.array([0]), "two": np.array([2]), "ends": np.array([0, 1])}
MIXING = {
    "ReduceMean": "b = ReduceMean (a, zero)",
    "Concat": "b = Concat <axis = 0> (a, a)",
    "Slice": "b = Slice (a, zero, two, zero)",
    "Gather": "b = Gather <axis = 0> (a, ends)",
    "Softmax": "b = Softmax <axis = 0> (a)",
}


def model(network, line):
    body = f"{{ h = MatMul (x, W) a = Relu (h) {line} c = MatMul (b, W) y = Relu (c) }}"
    return network(f"g (float[N, 4] x) => (float[M, 4] y) {body}", W=(4, 4), **GIVEN)


@pytest.mark.parametrize("op", MIXING)
def test_what_mixes_samples_is_named(network, op):
    ann = model(network, MIXING[op])
    for coding in (snncc.Rate(T=4), snncc.Phase(T=6, Q=1.5, wait=4)):
        with pytest.raises(snncc.SnnccError, match=f"{op} 'b' mixes samples") as caught:
            snncc.convert(ann, coding, calibration=X)
        assert "Convert with --coding fs" in str(caught.value)
    assert snncc.convert(ann, snncc.FS(K=6), calibration=X, match=False)


@pytest.mark.parametrize("line", ["b = Add (a, x)", "u = Unsqueeze (a, two) b = Squeeze (u, two)", "b = Softmax (a)"])
def test_what_keeps_samples_apart_is_not(network, line):
    assert snncc.convert(model(network, line), snncc.Rate(T=4), calibration=X)
