# SPDX-License-Identifier: Apache-2.0
"""Tests of remove-identity."""

from __future__ import annotations

import pytest

from snncc.passes.canonicalise.remove_identity import RemoveIdentity

FLAT = "net (float[N,4] x) => (float[N,4] y)"


@pytest.mark.parametrize(
    ("body", "left"),
    [
        ("a = Identity (x) b = Dropout (a) y = Relu (b)", ["Relu"]),
        ("a = Relu (x) y = Identity (a)", ["Relu"]),
        ("y = Identity (x)", ["Identity"]),
        ("a, mask = Dropout (x) c = Cast <to=1> (mask) y = Add (a, c)", ["Dropout", "Cast", "Add"]),
    ],
)
def test_identities_go(build, apply, ops, body, left) -> None:
    _, after = apply(RemoveIdentity(), build(f"{FLAT} {{ {body} }}", {}))
    assert ops(after) == left


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("a = Cast <to = 11> (x) b = Relu (a) y = Cast <to = 1> (b)", "it changes the type"),
        ("a, mask = Dropout (x) c = Cast <to = 1> (mask) y = Add (a, c)", "its mask is read"),
        ("y = Identity (x)", "it gives a graph output its name"),
    ],
)
def test_what_is_no_identity_stays(build, apply, skips, body, reason) -> None:
    assert apply(RemoveIdentity(), build(f"{FLAT} {{ {body} }}", {}))[0] == 0
    assert reason in skips()
