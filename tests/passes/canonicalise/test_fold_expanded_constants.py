# SPDX-License-Identifier: Apache-2.0
"""Tests of place-constants."""

from __future__ import annotations

import pytest

from snncc.passes.canonicalise.fold_expanded_constants import FoldExpandedConstants
from tests.passes.canonicalise.form_networks import network

REWRITES = {
    "constants beside": (
        FoldExpandedConstants(),
        "s = Shape <end = 1> (x) t = Concat <axis = 0> (s, three) k = Expand (c, t) y = Concat <axis = 1> (k, x)",
        ["Pad", "Add"],
    ),
    "zeros added": (
        FoldExpandedConstants(),
        "s = Shape (x) k = ConstantOfShape <value = float[1] {2.0}> (s) y = Add (x, k)",
        ["Add"],
    ),
}


@pytest.mark.parametrize("name", REWRITES)
def test_rewrites(build, apply, ops, name) -> None:
    each, body, left = REWRITES[name]
    count, after = apply(each, build(*network(body, name)))
    assert count >= 1
    assert left is None or [op for op in ops(after) if op != "Identity"] == left
