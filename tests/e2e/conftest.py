# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

from snncc.models import digits_network
from snncc.models.digits import Digits, load_digits

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def accuracy() -> ModuleType:
    """The benchmark that knows the trained networks and how their data is preprocessed."""
    name = "snncc_benchmark_accuracy"
    spec = importlib.util.spec_from_file_location(name, ROOT / "tests" / "benchmarks" / "accuracy.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def digits() -> Digits:
    return load_digits()


@pytest.fixture(scope="session")
def ann() -> bytes:
    """The digits network."""
    return digits_network()
