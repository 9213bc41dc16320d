# SPDX-License-Identifier: Apache-2.0
"""Tests of recognise-relus."""

from __future__ import annotations

import pytest

from snncc.passes.canonicalise.recognise_relu import RecogniseRelu
from tests.passes.canonicalise.form_networks import network

REWRITES = {
    "Max": (RecogniseRelu(), "y = Max (zero, x)", ["Relu"]),
    "open Clip": (RecogniseRelu(), "y = Clip (x, zero)", ["Relu"]),
    "Where": (RecogniseRelu(), "g = Greater (x, zero) y = Where (g, x, zero)", ["Relu"]),
    "Where below": (RecogniseRelu(), "g = Less (x, zero) y = Where (g, x, zero)", ["Mul", "Relu", "Mul"]),
    "Where, leaky": (RecogniseRelu(), "g = Less (zero, x) m = Mul (x, v) y = Where (g, x, m)", ["PRelu"]),
    "gate": (RecogniseRelu(), "g = Greater (x, zero) m = Cast <to = 1> (g) y = Mul (x, m)", ["Relu"]),
}


LEFT = {
    "another maximum": (RecogniseRelu(), "y = Max (x, half)", "it is no maximum with 0"),
    "another threshold": (
        RecogniseRelu(),
        "g = Greater (x, half) y = Where (g, x, zero)",
        "no choice between x above 0",
    ),
    "a threshold": (RecogniseRelu(), "y = ThresholdedRelu <alpha = 0.5> (x)", "its threshold is not 0"),
    "both bounds": (RecogniseRelu(), "y = Clip (x, zero, half)", "its bounds are others than 0"),
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
