# SPDX-License-Identifier: Apache-2.0
"""Names are no data: whatever tensors and nodes are called, a conversion is the same and says the same of itself."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import pytest
from tests.generated.harness import CODINGS, FEW, MANY, check, run_plain
from tests.generated.hostile_names import Named, draw_pair

import snncc
from snncc.export import metadata_of
from snncc.inspected import Inspected
from snncc.streaming import Stream
from snncc.structure import structural


def _told(model: onnx.ModelProto) -> dict[str, Any]:
    """What the metadata say, without names."""
    found = metadata_of(model)
    outcome = found["snncc.outcome"]
    scales = outcome["scales"] | {"left": len(outcome["scales"]["left"])}
    norms = outcome["batchnorm"] | {"left": len(outcome["batchnorm"]["left"])}
    neurons = [(n["op"], n["replaces"] is None, n["scale"], n.get("unit")) for n in found["snncc.neurons"].values()]
    return {
        "outcome": outcome | {"scales": scales, "batchnorm": norms},
        "neurons": sorted(map(repr, neurons)),
        "islands": sorted(found["snncc.islands"].values()),
    }


def _run(pair: Named, coding: str) -> None:
    made: list[onnx.ModelProto] = []

    def convert(*args: Any, **options: Any) -> onnx.ModelProto:
        made.append(snncc.convert(*args, **options))
        return made[-1]

    check(pair.case, coding, convert)
    plain = snncc.convert(pair.plain.model, CODINGS[coding][0], calibration=dict(pair.plain.feeds))
    assert _told(made[0]) == _told(plain), pair.case.text
    wrong = [found for found in structural(Inspected(made[0], pair.case.model)) if not found[1]]
    assert not wrong, f"{wrong}: {pair.case.text}"


def _forms(pair: Named, coding: str) -> None:
    """A loop and single steps give what all steps in one pass do."""
    case = pair.case
    made = {
        form: snncc.convert(case.model, CODINGS[coding][0], calibration=dict(case.feeds), form=form)
        for form in ("folded", "loop", "step")
    }
    folded, loop = (run_plain(made[form], case.feeds) for form in ("folded", "loop"))
    last: dict[str, Any] = {}
    stream = Stream(made["step"], "cpu")
    stream.start(dict(case.feeds))
    for last in stream:
        pass
    for output, want, turned in zip(case.model.graph.output, folded, loop, strict=True):
        close = {"rtol": 0, "atol": 0.02 * (np.abs(want).max() + 1e-6), "err_msg": case.text}
        np.testing.assert_allclose(turned, want, **close)
        np.testing.assert_allclose(last[output.name], want, **close)


@pytest.mark.parametrize("coding", CODINGS)
@pytest.mark.parametrize("seed", range(FEW // 4))
def test_few(coding: str, seed: int) -> None:
    _run(draw_pair(np.random.default_rng(seed)), coding)


@pytest.mark.parametrize("coding", ["fs", "phase", "rate", "msat"])
def test_forms(coding: str) -> None:
    _forms(draw_pair(np.random.default_rng(7)), coding)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(MANY))
def test_many(seed: int) -> None:
    rng = np.random.default_rng(1000 + seed)
    _run(draw_pair(rng), list(CODINGS)[seed % len(CODINGS)])


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(MANY // 5))
def test_many_forms(seed: int) -> None:
    rng = np.random.default_rng(5000 + seed)
    _forms(draw_pair(rng), ["fs", "phase", "rate", "msat"][seed % 4])
