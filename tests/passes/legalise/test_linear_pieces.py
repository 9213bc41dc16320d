# SPDX-License-Identifier: Apache-2.0
"""Tests of linear-pieces."""

from __future__ import annotations

import pytest

from snncc.passes.legalise.linear_pieces import LinearPieces
from tests.passes.bound_networks import kinds, network

PIECES = {
    "HardSigmoid": ("a = HardSigmoid (x)", ["Clip"]),
    "of another slope": ("a = HardSigmoid <alpha = -1.5, beta = 0.1> (x)", ["Clip"]),
    "a sixth": ("a = HardSigmoid <alpha = 0.16666667> (x)", ["Clip"]),
    "HardSwish": ("c = HardSigmoid <alpha = 0.16666667> (x) a = Mul (c, x)", ["HardSwish"]),
    "a gate": ("c = HardSigmoid <alpha = 0.2> (x) a = Mul (c, x)", ["Clip"]),
    "soft Shrink": ("a = Shrink <lambd = 0.3, bias = 0.3> (x)", ["Relu", "Relu"]),
}


@pytest.mark.parametrize("name", PIECES)
def test_pieces_become_relus(build, apply, ops, name) -> None:
    body, left = PIECES[name]
    count, after = apply(LinearPieces(), build(network(body), {}))
    assert count == 1
    assert kinds(ops(after)) == [*left, "Relu"]


def test_a_shrink_that_jumps_stays(build, apply, skips) -> None:
    assert apply(LinearPieces(), build(network("a = Shrink <lambd = 0.3> (x)"), {}))[0] == 0
    assert "it jumps" in skips()


def test_integers_are_no_activations(build, apply, skips) -> None:
    body = "i = Cast <to = 7> (x) j = Shrink <lambd = 1.0, bias = 1.0> (i) a = Cast <to = 1> (j)"
    assert apply(LinearPieces(), build(network(body), {}), equivalent=False)[0] == 0
    assert "it is no activation" in skips()
