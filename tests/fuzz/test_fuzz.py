# SPDX-License-Identifier: Apache-2.0
"""Damaged models convert, load or raise a SnnccError: no other exception, no crash, no hang.

`search.py` looks for more.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.effort import MUTATED
from tests.fuzz.pool import outcomes

FINDS = sorted((Path(__file__).parent / "finds").glob("*.onnx"))


def check(kind: str, count: int) -> None:
    found = outcomes(f"{kind} {number}" for number in range(count))
    wrong = {case: what for case, what in found.items() if what not in ("ok", "refused")}
    assert not wrong, "\n\n".join(f"{case}: {what}" for case, what in wrong.items())
    assert len(found) == count
    assert set(found.values()) == {"ok", "refused"}, "mutations that damage all models, or none, show nothing"


@pytest.mark.parametrize(("kind", "count"), [("network", 80), ("converted", 20)])
def test_nothing_but_refusals(kind: str, count: int) -> None:
    check(kind, count)


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "count"), MUTATED.items())
def test_nothing_but_refusals_in_many(kind: str, count: int) -> None:
    check(kind, count)


def test_what_was_found_stays_mended() -> None:
    found = outcomes(map(str, FINDS))
    assert set(found.values()) <= {"ok", "refused"}, found


def test_the_harness_sees_what_it_looks_for() -> None:
    found = outcomes(["broken raise", "broken abort", "broken hog"], workers=1)
    assert "KeyError: 'on purpose'" in found["broken raise"]
    assert found["broken abort"] == "died of SIGABRT"
    assert "MemoryError" in found["broken hog"]


@pytest.mark.slow
def test_the_harness_sees_endless_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SNNCC_FUZZ_SECONDS", "3")
    assert outcomes(["broken hang"])["broken hang"] == "died of SIGXCPU"
