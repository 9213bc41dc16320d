# SPDX-License-Identifier: Apache-2.0
"""Requirements on a table of a few-spikes neuron, checked for all float32 numbers."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from snncc.coding.fs_tables.activations import activation
from snncc.coding.fs_tables.neuron import FSTable


def _scanned(found: FSTable) -> np.ndarray:
    """Dense over the range and a few widths beyond, dense up to ±1e4, and up to the ends of float32."""
    width = found.high - found.low
    near = np.linspace(found.low - 4 * width, found.high + 4 * width, 180_001)
    far = np.geomspace(1e-3 * width, 2.0**126, 20_000)
    return np.concatenate([near, np.linspace(-1e4, 1e4, 100_001), found.low - far, found.high + far])


@pytest.fixture
def everywhere() -> Callable[[str, FSTable], None]:
    """`everywhere(name, table)`: the activation to within the largest error, or what it is at the range's end."""

    def check(name: str, found: FSTable) -> None:
        x, function = _scanned(found), activation(name).function
        value, exact = found(x).astype(np.float64), function(np.clip(x, found.low, found.high))
        small = 1e-6 * max(1e-30, float(np.abs(exact).max()))
        assert np.abs(value - exact).max() <= found.max_error * 1.02 + small
        assert found.saturates
        width = (found.high - found.low) / 8
        for beyond in (x < found.low - width - small, x > found.high + width + small):
            assert np.ptp(value[beyond]) == 0

    return check
