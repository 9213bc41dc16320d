# SPDX-License-Identifier: Apache-2.0
"""Fitted levels satisfy the Lloyd-Max conditions, and match the known optimum for a Gaussian."""

from __future__ import annotations

import numpy as np
import pytest

from snncc.calibration.lloyd_max import lloyd_max


@pytest.mark.parametrize("count", [1, 3, 9, 24])
def test_each_level_is_the_mean_of_the_values_nearest_to_it(count):
    rng = np.random.default_rng(count)
    x, w = rng.gamma(1.5, 1.0, 3000), rng.uniform(0.5, 1.5, 3000)
    levels = np.array([*lloyd_max(x, w, count), 0.0])
    nearest = np.abs(x[:, None] - levels).argmin(axis=1)
    means = [np.average(x[nearest == k], weights=w[nearest == k]) for k in range(count)]
    np.testing.assert_allclose(levels[:-1], means, atol=2e-5 * x.max())


def test_the_smallest_values_count_as_the_others():
    """None is below half of the lowest level, so that each level is the plain mean of its values."""
    assert lloyd_max(np.array([1.0, 1.2, 3.0, 3.4]), np.ones(4), 2) == (3.2, 1.1)
    assert lloyd_max(np.array([1.0, 1.2]), np.array([1.0, 3.0]), 1) == (1.15,)


def test_gaussian_has_the_published_levels():
    """Max 1960, table I: 7 levels for a Gaussian, the middle one 0, are 0.5606, 1.188 and 2.033 on either side."""
    x = (np.arange(60000) + 0.5) / 10000
    found = lloyd_max(x, np.exp(-(x**2) / 2), 3)
    np.testing.assert_allclose(found, [2.033, 1.188, 0.5606], atol=2e-3)


def test_order_of_values_and_zeros_and_units_do_not_matter():
    rng = np.random.default_rng(1)
    x, w = rng.gamma(1.0, 1.0, 500), rng.uniform(0, 1, 500)
    found = lloyd_max(x, w, 8)
    order = rng.permutation(502)
    mixed = lloyd_max(np.append(x, [0.0, 9e9])[order], np.append(w, [5.0, 0.0])[order], 8)
    assert mixed == found
    np.testing.assert_allclose(lloyd_max(1000 * x, w, 8), 1000 * np.array(found), rtol=1e-4)


def test_falling_and_above_zero():
    rng = np.random.default_rng(2)
    for count in (1, 2, 16, 32):
        found = lloyd_max(rng.gamma(0.5, 1.0, 4000), np.ones(4000), count)
        assert len(found) == count
        assert (np.diff([*found, 0.0]) < 0).all()


@pytest.mark.parametrize("count", [4, 16, 24])
def test_one_value_far_out_takes_one_level(count):
    """And does not keep the others from telling the rest apart."""
    x = np.abs(np.random.default_rng(3).normal(0, 0.3, 4000))
    found = lloyd_max(np.append(x, 2000.0), np.ones(4001), count)
    alone = lloyd_max(x, np.ones(4000), count - 1)
    assert found[0] == 2000
    rest = np.array([*found[1:], 0.0])
    best = np.array([*alone, 0.0])
    error, least = (float((np.abs(x[:, None] - levels).min(axis=1) ** 2).sum()) for levels in (rest, best))
    assert error <= 1.5 * least  # two fewer levels leave more


def test_levels_that_start_with_equal_shares_of_the_values():
    """The value far out leaves levels without values at first; the best of all ways to share the rest is found."""
    assert lloyd_max(np.array([0.7, 1.2, 1.8, 1.9, 1125.0]), np.ones(5), 3) == (1125.0, 1.85, 0.95)


@pytest.mark.parametrize("x", [[], [0.5], [0.0, 0.0], [0.25, 0.5, 0.5, 1.0]])
def test_none_where_values_do_not_tell_so_many_apart(x):
    assert lloyd_max(np.array(x), np.ones(len(x)), 3) is None
