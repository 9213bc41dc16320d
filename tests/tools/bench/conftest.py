# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import Any

import onnx
import pytest

import snncc
from snncc.models import digits_network

CASES: dict[str, tuple[Any, str]] = {
    "folded": (snncc.Phase(T=8, Q=1.5), "folded"),
    "loop": (snncc.Rate(T=4), "loop"),
    "step": (snncc.Rate(T=4), "step"),
}


@pytest.fixture(scope="session")
def ann() -> onnx.ModelProto:
    return onnx.load_model_from_string(digits_network())


@pytest.fixture(scope="session")
def forms(ann) -> dict[str, onnx.ModelProto]:
    """The digits network in each form."""
    return {name: snncc.convert(ann, coding, input_range=(0, 1), form=form) for name, (coding, form) in CASES.items()}
