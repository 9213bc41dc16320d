# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Callable
from itertools import islice

import numpy as np

from snncc.evaluation.timing import turns
from snncc.tools.noise_batches import noise_batches


def test_networks_take_turns_after_a_run_each_to_warm_up():
    order: list[str] = []
    now = iter(range(100))
    runs: list[Callable[[], object]] = [lambda: order.append("a"), lambda: order.append("b")]
    taken = list(islice(turns(runs, clock=lambda: 10 * next(now)), 3))
    assert order == ["a", "b"] * 4
    assert taken == [[10, 10]] * 3


def test_a_clock_may_have_several_hands():
    hands = iter(np.cumsum(np.full((20, 2), [1.0, 3.0]), axis=0))
    assert next(turns([lambda: None], clock=lambda: next(hands)))[0].tolist() == [1, 3]


def test_noise_in_place_of_data_is_seeded(ann):
    first, second = (next(noise_batches(ann, 4)) for _ in range(2))
    assert list(first) == ["input"]
    assert first["input"].shape == (4, 1, 8, 8)
    assert np.array_equal(first["input"], second["input"])
    within = next(noise_batches(ann, 64, (-3, 5)))["input"]
    assert -3 <= within.min() < -1
    assert 3 < within.max() <= 5
