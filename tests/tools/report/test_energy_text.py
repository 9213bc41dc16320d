# SPDX-License-Identifier: Apache-2.0
"""The report says which of both networks takes more energy."""

from __future__ import annotations

import pytest

from snncc.tools.report.figures.energy import _compared


@pytest.mark.parametrize(
    ("gain", "text"),
    [
        (None, "takes no energy at all"),
        (9.7, "takes 9.7 times less energy than the ANN"),
        (0.353, "takes 2.83 times more energy than the ANN"),
        (1.0, "takes as much energy as the ANN"),
        (0.9999, "takes as much energy as the ANN"),
        (1.004, "takes as much energy as the ANN"),
    ],
)
def test_less_and_more(gain, text):
    assert _compared(gain) == text
