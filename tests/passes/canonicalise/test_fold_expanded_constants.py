# SPDX-License-Identifier: Apache-2.0
"""Tests of place-constants."""

from __future__ import annotations

import pytest

from snncc.passes.canonicalise.fold_expanded_constants import FoldExpandedConstants

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
def test_rewrites(assert_rewrites, name) -> None:
    assert_rewrites(name, *REWRITES[name])
