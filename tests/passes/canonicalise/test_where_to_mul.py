# SPDX-License-Identifier: Apache-2.0
"""Tests of masks-to-factors."""

from __future__ import annotations

import numpy as np
import pytest
from onnx import numpy_helper

from snncc.passes.canonicalise.where_to_mul import WhereToMul

REWRITES = {
    "mask": (WhereToMul(), "y = Where (mask, x, half)", ["Mul", "Add"]),
}


LEFT = {
    "a computed mask": (
        WhereToMul(),
        "g = Greater (x, half) y = Where (g, x, zero)",
        "what it chooses by is computed",
    ),
}


@pytest.mark.parametrize("name", REWRITES)
def test_rewrites(assert_rewrites, name) -> None:
    assert_rewrites(name, *REWRITES[name])


@pytest.mark.parametrize("name", LEFT)
def test_leaves(assert_leaves, name) -> None:
    assert_leaves(name, *LEFT[name])


def test_infinities_that_a_mask_fills_in_stay(build, apply, ops) -> None:
    """Softmax shows them as 0; one of the four values filled in is finite."""
    text = "float[4] none = {-1.0, -1.0, -1.0, 0.5}, bool[4] some = {1, 0, 0, 0}"
    body = "a = Where (some, x, none) y = Softmax <axis = 1> (a)"
    model = build(f"net (float[N,4] x) => (float[N,4] y) <{text}> {{ {body} }}", {})
    values = next(t for t in model.graph.initializer if t.name == "none")
    values.CopyFrom(numpy_helper.from_array(np.array([-np.inf, -np.inf, -np.inf, 0.5], np.float32), "none"))
    count, after = apply(WhereToMul(), model)
    assert (count, "Where" in ops(after)) == (1, False)


def test_a_choice_of_nan_stays(build, apply, skips) -> None:
    text = "net (float[N,4] x) => (float[N,4] y) <bool[4] some = {1, 0, 0, 1}, float[4] fill = {1.0, 1.0, 1.0, 1.0}> "
    model = build(text + "{ y = Where (some, x, fill) }", {})
    values = next(t for t in model.graph.initializer if t.name == "fill")
    values.CopyFrom(numpy_helper.from_array(np.full(4, np.nan, np.float32), "fill"))
    assert apply(WhereToMul(), model, equivalent=False)[0] == 0
    assert "it fills up with NaN" in skips()
