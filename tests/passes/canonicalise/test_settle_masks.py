# SPDX-License-Identifier: Apache-2.0
"""Tests of settle-masks."""

from __future__ import annotations

import numpy as np
import pytest

from snncc.analysis.cpu_session import cpu_session
from snncc.passes.canonicalise.settle_masks import SettleMasks

MASKED = "<float[4] m = {0, 0, 0, 0}, float half = {0.5}, float lowest = {-3.4e38}>"


MASKS = {
    "in front of a ReLU": ("a = Add (x, m) y = Relu (a)", ["Mul", "Add", "Relu"]),
    "scaled": ("a = Add (x, m) y = Mul (a, half)", ["Mul", "Add"]),
    "in a sum": ("b = Relu (x) a = Add (m, x) y = Add (a, b)", ["Relu", "Add", "Add"]),
    "in a sum with a constant": ("a = Add (x, m) y = Add (a, half)", ["Add"]),
    "kept finite": ("a = Add (x, m) y = Max (a, lowest)", ["Add"]),
}


@pytest.mark.parametrize("name", MASKS)
def test_masks_are_settled(build, apply, ops, name) -> None:
    body, left = MASKS[name]
    model = build(f"net (float[N,4] x) => (float[N,4] y) {MASKED} {{ {body} }}", {})
    infinite = np.array([0, -np.inf, 0.5, -np.inf], np.float32)
    model.graph.initializer[0].ClearField("float_data")
    model.graph.initializer[0].raw_data = infinite.tobytes()
    count, after = apply(SettleMasks(), model, equivalent=False)
    assert count == 1
    assert ops(after) == left
    x = np.arange(8, dtype=np.float32).reshape(2, 4)
    for a, b in zip(*(cpu_session(m).run(None, {"x": x}) for m in (model, after)), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize(
    ("body", "infinity", "reason"),
    [
        ("a = Add (x, m) b = Relu (a) y = Add (a, b)", -np.inf, "it has other users, or leaves the network"),
        ("a = Add (x, m) y = Relu (a)", np.inf, "it would be infinite"),
        ("a = Add (x, m) y = Softmax <axis = 1> (a)", -np.inf, "it is in its place"),
    ],
)
def test_masks_that_stay(build, apply, skips, body, infinity, reason) -> None:
    model = build(f"net (float[N,4] x) => (float[N,4] y) {MASKED} {{ {body} }}", {})
    model.graph.initializer[0].ClearField("float_data")
    model.graph.initializer[0].raw_data = np.array([0, infinity, 0.5, infinity], np.float32).tobytes()
    assert apply(SettleMasks(), model, equivalent=False)[0] == 0
    assert reason in skips()
