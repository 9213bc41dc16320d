# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest

import snncc
from snncc.errors import BudgetError
from snncc.models import digits_network
from snncc.models.digits import load_digits
from snncc.tools.accuracy_budget import candidates


@pytest.fixture(scope="module")
def data():
    found = load_digits()
    return {"input": found.train_images[:160], "labels": found.train_labels[:160]}


@pytest.mark.parametrize("coding", [snncc.Phase(wait=10), snncc.FS(), snncc.Rate(wait=32), snncc.MSAT()])
def test_more_and_more_steps(coding):
    rungs = candidates(coding)
    steps = [rung.K if isinstance(rung, snncc.FS) else rung.T for rung in rungs]
    assert steps == sorted(coding.steps_grid)
    assert candidates(coding, steps=False, base=False) == [coding]


def test_phases_have_the_base_that_suits_their_number():
    assert [r.base for r in candidates(snncc.Phase())] == [snncc.Phase(T=t).base for t in snncc.Phase.steps_grid]
    assert {r.Q for r in candidates(snncc.Phase(Q=1.4), base=False)} == {1.4}
    assert [r.spikes for r in candidates(snncc.Phase(spikes=10))][:2] == [8, 10]


@pytest.mark.parametrize("coding", [snncc.Phase(), snncc.FS(), snncc.Rate(), snncc.MSAT()])
def test_takes_the_first_that_keeps_within_the_drop(coding, data):
    tried = []
    snn = snncc.convert_within(digits_network(), candidates(coding), 2.0, calibration=data, tried=tried.append)
    assert all(rung.drop > 2.0 for rung in tried[:-1])
    assert tried[-1].drop <= 2.0
    assert all(rung.labelled and rung.samples == 160 for rung in tried)
    found = snncc.evaluate(snn, digits_network(), data)
    assert found.drop == pytest.approx(tried[-1].drop)


def test_without_labels_it_is_the_agreement(data):
    tried = []
    plain = {"input": data["input"]}
    snn = snncc.convert_within(digits_network(), candidates(snncc.FS()), 5.0, calibration=plain, tried=tried.append)
    found = snncc.evaluate(snn, digits_network(), plain)
    assert not tried[-1].labelled
    assert tried[-1].drop == pytest.approx(100 * (1 - found.agreement))


def test_says_how_far_it_got_if_none_does(data):
    tried = []
    with pytest.raises(BudgetError, match="the best one loses") as raised:
        snncc.convert_within(digits_network(), [snncc.Rate(T=1)], 0.1, calibration=data, tried=tried.append)
    assert len(tried) == 2
    assert f"{min(rung.drop for rung in tried):.2f}" in str(raised.value)


def test_a_scale_that_was_asked_for_stays(data):
    tried = []
    with pytest.raises(BudgetError):
        snncc.convert_within(
            digits_network(), [snncc.Rate(T=1)], 0.1, calibration=data, tried=tried.append, scale="max"
        )
    assert [rung.percentile for rung in tried] == [None]


@pytest.mark.parametrize(("levels", "kind"), [("auto", "fitted"), ("fitted", "fitted"), ("powers", "powers")])
def test_phases_have_the_levels_that_were_asked_for(data, levels, kind):
    tried = []
    with pytest.raises(BudgetError):
        snncc.convert_within(
            digits_network(), [snncc.Phase(T=1)], 0.1, calibration=data, tried=tried.append, levels=levels
        )
    assert [(rung.percentile, rung.levels) for rung in tried] == [(None, kind), (99.99, kind)]


@pytest.mark.parametrize("most", [0, 100])
def test_a_drop_may_be_nothing_or_everything(data, most):
    with pytest.raises(BudgetError, match=f"at most {most} points"):
        snncc.convert_within(digits_network(), [], most, calibration=data)


def test_refuses_data_that_can_be_read_once_only_and_drops_that_are_none(data):
    with pytest.raises(snncc.SnnccError, match="read again"):
        snncc.convert_within(digits_network(), [snncc.FS()], 1.0, calibration=iter([data["input"]]))
    with pytest.raises(snncc.SnnccError, match="percentage points"):
        snncc.convert_within(digits_network(), [snncc.FS()], -1.0, calibration=data)
