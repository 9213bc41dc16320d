# SPDX-License-Identifier: Apache-2.0
"""Tests of split-leaky."""

from __future__ import annotations

import pytest

from snncc.passes.legalise.split_leaky_relu import SplitLeakyRelu

FLAT = "net (float[N,4] x) => (float[N,4] y)"


@pytest.mark.parametrize(
    ("body", "shapes"),
    [("y = LeakyRelu <alpha = 0.3> (x)", {}), ("y = LeakyRelu (x)", {}), ("y = PRelu (x, slope)", {"slope": (4,)})],
)
def test_leaky_relus_become_two_of_opposite_polarity(build, apply, ops, body, shapes) -> None:
    count, after = apply(SplitLeakyRelu(), build(f"{FLAT} {{ {body} }}", shapes))
    assert count == 1
    assert sorted(ops(after)) == ["Add", "Mul", "Mul", "Relu", "Relu"]


def test_a_computed_slope_is_left(build, apply, skips) -> None:
    assert apply(SplitLeakyRelu(), build(f"{FLAT} {{ s = Tanh (x) y = PRelu (x, s) }}", {}))[0] == 0
    assert "its slope is not a constant" in skips()
