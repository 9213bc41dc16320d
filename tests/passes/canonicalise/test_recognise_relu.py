# SPDX-License-Identifier: Apache-2.0
"""Tests of recognise-relus."""

from __future__ import annotations

import pytest

from snncc.passes.canonicalise.recognise_relu import RecogniseRelu

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
def test_rewrites(assert_rewrites, name) -> None:
    assert_rewrites(name, *REWRITES[name])


@pytest.mark.parametrize("name", LEFT)
def test_leaves(assert_leaves, name) -> None:
    assert_leaves(name, *LEFT[name])
