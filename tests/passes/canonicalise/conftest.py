# SPDX-License-Identifier: Apache-2.0
"""The two checks of each pass that gives its cases as lines of a network."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from snncc.passes.base import Pass
from tests.passes.canonicalise.form_networks import network


@pytest.fixture
def assert_rewrites(build, apply, ops) -> Callable[[str, Pass, str, list[str] | None], None]:
    """`assert_rewrites(name, pass, body, left)`: it rewrites the body to the ops `left`; None: to any."""

    def check(name: str, each: Pass, body: str, left: list[str] | None) -> None:
        count, after = apply(each, build(*network(body, name)))
        assert count >= 1
        assert left is None or [op for op in ops(after) if op != "Identity"] == left

    return check


@pytest.fixture
def assert_leaves(build, apply, skips) -> Callable[[str, Pass, str, str], None]:
    """`assert_leaves(name, pass, body, reason)`: it leaves the body as it is, for the reason."""

    def check(name: str, each: Pass, body: str, reason: str) -> None:
        assert apply(each, build(*network(body, name)), equivalent=False)[0] == 0
        assert reason in skips()

    return check
