# SPDX-License-Identifier: Apache-2.0
"""Tests of fuse-gelu."""

from __future__ import annotations

import pytest

from snncc.passes.legalise.fuse_gelu import FuseGelu

FLAT = "net (float[N,4] x) => (float[N,4] y)"


GELU = "<float r = {1.4142135}, float o = {1.0}, float h = {0.5}> { a = Div (x, r) b = Erf (a) c = Add (b, o) "


@pytest.mark.parametrize(
    "ending",
    [
        "d = Mul (x, c) y = Mul (d, h) }",
        "d = Mul (c, h) y = Mul (x, d) }",
        "d = Mul (h, x) y = Mul (d, c) }",
        "d = Mul (c, x) e = Div (d, two) y = Identity (e) }",
    ],
)
def test_gelu_is_recognised_however_it_is_spelled(build, apply, ops, ending) -> None:
    model = build(f"{FLAT} {GELU}{ending}".replace("float h", "float two = {2.0}, float h"), {})
    count, after = apply(FuseGelu(), model)
    assert count == 1
    assert [op for op in ops(after) if op != "Identity"] == ["Gelu"]


@pytest.mark.parametrize(
    "ending",
    [
        "d = Mul (x, c) e = Mul (d, h) y = Add (e, c) }",  # the curve has another reader
        "d = Mul (b, c) y = Mul (d, h) }",  # not times x
        "d = Mul (x, c) y = Mul (d, o) }",  # not halved
        "y = Mul (c, h) }",  # x is missing
    ],
)
def test_what_only_looks_like_gelu_is_left(build, apply, skips, ending) -> None:
    assert apply(FuseGelu(), build(f"{FLAT} {GELU}{ending}", {}))[0] == 0
    assert "it is no part of a GELU" in skips()


def test_a_summand_other_than_one_makes_no_gelu(build, apply) -> None:
    text = f"{FLAT} {GELU.replace('o = {1.0}', 'o = {1.5}')}d = Mul (x, c) y = Mul (d, h) }}"
    assert apply(FuseGelu(), build(text, {}))[0] == 0
