# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of trained networks and real data, which the repository does not hold."""
    path = Path(os.environ.get("SNNCC_SHARED", Path(__file__).resolve().parents[2] / "shared"))
    if not (path / "models").is_dir():
        pytest.skip(f"no trained networks at {path}; set SNNCC_SHARED")
    return path
