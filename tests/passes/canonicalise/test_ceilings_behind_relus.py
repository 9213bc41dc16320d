# SPDX-License-Identifier: Apache-2.0
"""Tests of ceilings-behind-relus."""

from __future__ import annotations

import pytest

from snncc.passes.canonicalise.ceilings_behind_relus import CeilingsBehindRelus

REWRITES = {
    "ReLU6 the other way": (CeilingsBehindRelus(), "a = Min (x, half) y = Relu (a)", ["Relu", "Min"]),
}


LEFT = {
    "a negative ceiling": (CeilingsBehindRelus(), "a = Min (x, minus) y = Relu (a)", "no positive constant"),
    "a ceiling read twice": (
        CeilingsBehindRelus(),
        "a = Min (x, half) b = Relu (a) y = Add (a, b)",
        "has other users",
    ),
}


@pytest.mark.parametrize("name", REWRITES)
def test_rewrites(assert_rewrites, name) -> None:
    assert_rewrites(name, *REWRITES[name])


@pytest.mark.parametrize("name", LEFT)
def test_leaves(assert_leaves, name) -> None:
    assert_leaves(name, *LEFT[name])


def test_bounds_that_repeat_values_stay(build, apply, skips) -> None:
    text = "net (float[N,1] x) => (float[N,4] y) <float[4] c = {1.0, 2.0, 3.0, 4.0}> { a = Min (x, c) y = Relu (a) }"
    assert apply(CeilingsBehindRelus(), build(text, {}))[0] == 0
    assert "its bounds repeat values" in skips()
