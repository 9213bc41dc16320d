# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import numpy as np
import pytest

from snncc.calibration.reservoir import Reservoir


def _kept(size: int, values: np.ndarray, cut: int) -> np.ndarray:
    reservoir = Reservoir(size)
    for start in range(0, len(values), cut):
        reservoir.update({"x": values[start : start + cut], "z": -values[start : start + cut]})
    kept = reservoir.samples()
    np.testing.assert_array_equal(kept["z"], -kept["x"])
    return kept["x"]


@pytest.mark.parametrize("cut", [1, 7, 64, 1000])
def test_cuts_make_no_difference(cut):
    values = np.arange(1000.0)
    np.testing.assert_array_equal(_kept(50, values, cut), _kept(50, values, 13))


def test_a_short_stream_is_kept_whole():
    np.testing.assert_array_equal(_kept(50, np.arange(20.0), 8), np.arange(20.0))


def test_every_sample_has_the_same_chance():
    """Of 20000, 2000 are kept: 200 of each tenth, within 4 standard deviations."""
    kept = _kept(2000, np.arange(20000.0), 500)
    assert len(set(kept)) == 2000
    tenths = np.histogram(kept, bins=10, range=(0, 20000))[0]
    deviation = np.sqrt(2000 * 0.1 * 0.9)
    assert np.abs(tenths - 200).max() < 4 * deviation


def test_keeps_copies():
    batch = np.arange(4.0)
    reservoir = Reservoir(10)
    reservoir.update({"x": batch})
    batch[:] = -1
    np.testing.assert_array_equal(reservoir.samples()["x"], np.arange(4.0))
