# SPDX-License-Identifier: Apache-2.0
"""Tests of merge-relus."""

from __future__ import annotations

import pytest

from snncc.passes.canonicalise.remove_redundant_relu import RemoveRedundantRelu

REWRITES = {
    "Relu twice": (RemoveRedundantRelu(), "a = Relu (x) b = Relu (a) y = Add (b, a)", ["Relu", "Add"]),
    "Abs of a ReLU6": (RemoveRedundantRelu(), "a = Clip (x, zero, half) b = Abs (a) y = Add (b, a)", ["Clip", "Add"]),
}


LEFT = {
    "a ceiling of its own": (
        RemoveRedundantRelu(),
        "a = Relu (x) b = Relu (a) d = Min (b, half) y = Add (d, a)",
        "it has a ceiling, which the ReLU before it cannot take",
    ),
    "an output": (RemoveRedundantRelu(), "a = Relu (x) y = Relu (a)", "it gives an output its name"),
    "negative values": (RemoveRedundantRelu(), "a = Tanh (x) b = Relu (a) y = Add (b, a)", "its input may be negative"),
    "a factor below 0": (
        RemoveRedundantRelu(),
        "a = Relu (x) m = Mul (a, minus) b = Relu (m) y = Add (b, a)",
        "its input may be negative",
    ),
}


@pytest.mark.parametrize("name", REWRITES)
def test_rewrites(assert_rewrites, name) -> None:
    assert_rewrites(name, *REWRITES[name])


@pytest.mark.parametrize("name", LEFT)
def test_leaves(assert_leaves, name) -> None:
    assert_leaves(name, *LEFT[name])
