# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import numpy as np
import pytest

from snncc.coding.fs_tables.activations import activation
from snncc.coding.fs_tables.annealing import Annealer
from snncc.coding.fs_tables.fit import fit
from snncc.coding.fs_tables.neuron import ALWAYS, FSTable
from snncc.coding.fs_tables.objective import Objective
from snncc.errors import OptionError
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


@pytest.mark.parametrize("chains", [1, 4])
def test_annealing_never_ends_worse_than_it_began(chains):
    objective = Objective(SIGMOID, -4, 4, 400)
    annealer = Annealer(objective, [ALWAYS, 4, 2, 1], [-4, 4, 2, 1], np.random.default_rng(0), chains=chains)
    before = annealer.best[0]
    annealer.run(200, 3.0, 1.0)
    error, T, h = annealer.best
    assert error <= before
    assert error == pytest.approx(objective.best(T, h)[0], rel=1e-9)
    annealer.grow(50)
    assert annealer.steps == 5
    assert annealer.best[0] <= error * 1.5


def test_the_best_chains_are_refined():
    coarse, fine = (Objective(SIGMOID, -4, 4, points) for points in (100, 800))
    annealer = Annealer(coarse, [ALWAYS, 4, 2, 1], [-4, 4, 2, 1], np.random.default_rng(0), chains=4)
    annealer.run(100, 1.0, 0.1)
    best = annealer.best[1]
    annealer.refine(fine, 1, 3)
    error, T, h = annealer.best
    np.testing.assert_array_equal(T, best)
    assert error == pytest.approx(fine.best(T, h)[0], rel=1e-9)


def test_tables_that_do_not_hold_beyond_the_range_have_no_finite_error():
    objective = Objective(SIGMOID, -4, 4, 100)
    rising = np.array([ALWAYS, 4, 2], np.float32), np.array([-4, 4, 2], np.float32)
    assert np.isfinite(objective.best(*rising)[0])
    for T, h in (([ALWAYS, 40, 2], [-4, 4, 2]), ([ALWAYS, 4, -9], [-4, 4, 2])):  # one never fires, one fires below
        assert objective.best(np.array(T, np.float32), np.array(h, np.float32))[0] == np.inf


CURVES = [("swish", 3, -3, 5), ("sigmoid", 4, -8, 8), ("tanh", 5, -0.5, 0.5), ("gelu", 4, -8, 40), ("elu", 3, -2, 1),
          ("mish", 6, -4, 4), ("softplus", 5, -6, 2), ("hardswish", 4, -8, 8), ("gelu-tanh", 3, 0, 4),
          ("leakyrelu", 4, -20, 3)]  # fmt: skip


@pytest.mark.parametrize(("name", "K", "low", "high"), CURVES)
def test_what_is_fitted_now_is_right_or_saturates_everywhere(everywhere, name, K, low, high):
    everywhere(name, fit(activation(name).function, K, low, high))


def test_a_fit_goes_on_from_a_shorter_table():
    start = fit(SIGMOID, 3, -4, 4)
    longer = fit(SIGMOID, 4, -4, 4, start=start)
    assert longer.steps == 4
    assert longer.saturates
    assert longer.rmse < start.rmse
    assert longer == fit(SIGMOID, 4, -4, 4, start=start)


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
