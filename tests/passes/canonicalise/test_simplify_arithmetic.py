# SPDX-License-Identifier: Apache-2.0
"""Tests of simplify-arithmetic."""

from __future__ import annotations

import pytest

from snncc.passes.canonicalise.simplify_arithmetic import SimplifyArithmetic

FLAT = "net (float[N,4] x) => (float[N,4] y)"


LEFT = {
    "integers": (
        SimplifyArithmetic(),
        "i = Cast <to = 7> (x) j = Neg (i) y = Cast <to = 1> (j)",
        "it is no arithmetic of activations",
    ),
    "a sum of one": (SimplifyArithmetic(), "y = Sum (x)", "it gives a graph output its name"),
    "a constant": (SimplifyArithmetic(), "a = Neg (half) y = Add (x, a)", "it gives a constant"),
    "a divisor of 0": (SimplifyArithmetic(), "y = Div (x, gaps)", "not a constant without zeros"),
}


@pytest.mark.parametrize(
    ("body", "left"),
    [
        ("a = Sum (x) y = Relu (a)", ["Relu"]),
        ("y = Sum (x)", ["Sum"]),
        ("a = Relu (x) y = Mean (a, x)", ["Relu", "Add", "Mul"]),
        ("y = Mean (x)", ["Mul"]),
        ("y = Neg (x)", ["Mul"]),
        ("y = Sub (x, c)", ["Add"]),
        ("y = Sub (c, x)", ["Mul", "Add"]),
        ("a = Relu (x) y = Sum (a, x)", ["Relu", "Add"]),
        ("a = Relu (x) y = Sum (a, x, a)", ["Relu", "Add", "Add"]),
        ("y = Div (x, c)", ["Mul"]),
        ("y = Div (c, x)", ["Div"]),
    ],
)
def test_arithmetic_is_simplified(build, apply, ops, body, left) -> None:
    _, after = apply(SimplifyArithmetic(), build(f"{FLAT} {{ {body} }}", {"c": (4,)}))
    assert ops(after) == left


@pytest.mark.parametrize("name", LEFT)
def test_leaves(assert_leaves, name) -> None:
    assert_leaves(name, *LEFT[name])
