# SPDX-License-Identifier: Apache-2.0
"""The same networks at every run; `--hypothesis-seed N` draws others."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, settings


def pytest_configure(config: pytest.Config) -> None:
    seeded = config.getoption("--hypothesis-seed", None) is not None
    health = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]
    settings.register_profile("snncc", derandomize=not seeded, deadline=None, suppress_health_check=health)
    settings.load_profile("snncc")
