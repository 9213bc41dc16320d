# SPDX-License-Identifier: Apache-2.0
"""The names of tensors and nodes do not affect a conversion or its summary."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import pytest

import snncc
import snncc.runtime
from snncc.execution.stream import Stream
from snncc.ir.metadata import metadata_of
from snncc.tools.check.structure import structural
from snncc.tools.check.subject import CheckSubject
from tests.generated.harness import CODINGS, FEW, MANY, run_plain
from tests.generated.hostile_names import Named, draw_pair


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
    case = pair.case
    made, plain = (snncc.convert(c.model, CODINGS[coding][0], calibration=dict(c.feeds)) for c in (case, pair.plain))
    onnx.checker.check_model(made, full_check=True)
    assert _told(made) == _told(plain), case.text
    native = snncc.runtime.create_session(made, device="cpu").run(None, dict(case.feeds))
    wanted = run_plain(plain, pair.plain.feeds)
    for body, kernel, want in zip(run_plain(made, case.feeds), native, wanted, strict=True):
        for found in (body, kernel):
            np.testing.assert_allclose(found, want, rtol=1e-4, atol=1e-4, err_msg=case.text)
    wrong = [found for found in structural(CheckSubject(made, case.model)) if not found[1]]
    assert not wrong, f"{wrong}: {case.text}"


def _forms(pair: Named, coding: str) -> None:
    """A loop and single steps give what all steps in one pass do."""
    case = pair.case
    made = {
        form: snncc.convert(case.model, CODINGS[coding][0], calibration=dict(case.feeds), form=form)
        for form in ("folded", "loop", "step")
    }
    folded, loop = (run_plain(made[form], case.feeds) for form in ("folded", "loop"))
    stream = Stream(made["step"], "cpu")
    stream.start(dict(case.feeds))
    last = list(stream)[-1]
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
