# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import numpy as np
import pytest

from snncc.activations import activation
from snncc.errors import OptionError
from snncc.few_spikes.fit import fit
from snncc.few_spikes.neuron import ALWAYS, FSTable
from snncc.few_spikes.search import Annealer, Objective
from snncc.ops.few_spikes import FEW_SPIKES

SIGMOID = activation("sigmoid").function


def test_table_computes_what_the_op_does():
    table = fit(SIGMOID, 3, -4, 4)
    x = np.random.default_rng(0).normal(0, 4, (5, 7)).astype(np.float32)
    expected = FEW_SPIKES.reference([x, np.ones(1, np.float32)], table.attributes())[0]
    np.testing.assert_array_equal(table(x), expected)
    assert table.steps == 3
    assert all(float(np.float32(v)) == v for v in (*table.T, *table.h, *table.d))


def test_fit_is_deterministic_and_the_seed_counts():
    fits = [fit(SIGMOID, 3, -4, 4, seed=seed) for seed in (0, 0, 1)]
    assert fits[0] == fits[1]
    assert fits[0].T != fits[2].T


def test_a_step_function_takes_one_spike():
    found = fit(lambda x: np.where(x < 1, 0.0, 3.0), 1, -2, 2)
    assert found.d == pytest.approx([3], abs=1e-2)
    assert abs(found.T[0] - 1) <= 0.01


def test_a_line_is_coded_in_binary():
    found = fit(lambda x: x, 6, 0, 1)
    # 2^6 even levels that round would have an error of 2^-6/√12 = 0.0045.
    assert found.rmse < 0.007
    assert found.max_error < 0.04


def test_errors_are_those_of_the_table():
    found = fit(SIGMOID, 4, -4, 4)
    x = np.linspace(-4, 4, 5000)
    error = found(x) - SIGMOID(x)
    assert found.rmse == pytest.approx(np.sqrt(np.mean(error**2)), rel=1e-2)
    assert found.max_error == pytest.approx(np.max(np.abs(error)), rel=1e-2)


def test_annealing_never_ends_worse_than_it_began():
    objective = Objective(SIGMOID, -4, 4)
    chain = Annealer(objective, [ALWAYS, 4, 2, 1], [-4, 4, 2, 1], np.random.default_rng(0))
    before = chain.error
    chain.run(300, 3.0, 1.0)
    assert chain.error <= before
    assert chain.error == pytest.approx(objective.best(chain.T, chain.h)[0], rel=1e-9)
    shorter = chain.error
    chain.grow(50)
    assert len(chain.T) == 5
    assert chain.error <= shorter * 1.5


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((0, -8, 8), "K is 0"),
        ((65, -8, 8), "K is 65"),
        ((1.5, -8, 8), "whole numbers"),
        ((8, 8, -8), "low must be below high"),
        ((8, -8, float("inf")), "low must be below high"),
        ((8, 0, 1e7), "too wide or too narrow"),
        ((8, -8, 8, -1), "seed is -1"),
    ],
)
def test_refuses_nonsense(arguments, message):
    with pytest.raises(OptionError, match=message):
        fit(SIGMOID, *arguments)


def test_refuses_a_function_that_is_not_finite():
    with pytest.raises(OptionError, match="not finite"), np.errstate(divide="ignore"):
        fit(lambda x: np.log(np.abs(x)), 4, -1, 1)


def test_attributes_name_the_tables():
    table = FSTable((1.0,), (0.5,), (2.0,), 0.0, 2.0, 0.0, 0.0)
    assert table.attributes() == {"thresholds": [1.0], "resets": [0.5], "values": [2.0], "initial": 0.0}
    assert table(np.array([[0.5], [1.0]])).tolist() == [[0.0], [2.0]]
