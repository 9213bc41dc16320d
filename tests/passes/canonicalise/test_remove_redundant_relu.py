# SPDX-License-Identifier: Apache-2.0
"""Tests of merge-relus."""

from __future__ import annotations

import pytest

from snncc.passes.canonicalise.remove_redundant_relu import RemoveRedundantRelu
from tests.passes.canonicalise.form_networks import network

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
def test_rewrites(build, apply, ops, name) -> None:
    each, body, left = REWRITES[name]
    count, after = apply(each, build(*network(body, name)))
    assert count >= 1
    assert left is None or [op for op in ops(after) if op != "Identity"] == left


@pytest.mark.parametrize("name", LEFT)
def test_leaves(build, apply, skips, name) -> None:
    each, body, reason = LEFT[name]
    assert apply(each, build(*network(body, name)), equivalent=False)[0] == 0
    assert reason in skips()
