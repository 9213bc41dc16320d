# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import pytest

import snncc
from snncc.models import digits_network
from snncc.models.digits import load_digits

CASES: dict[str, tuple[Any, dict[str, Any]]] = {
    "rate": (snncc.Rate(T=12, signed=False), {}),
    "rate-bias-unnormalised": (snncc.Rate(T=6, shift="bias", signed=False), {"normalize": "none"}),
    "rate-signed": (snncc.Rate(T=8, signed=True), {}),
    "rate-wait": (snncc.Rate(T=6, wait=6), {}),
    "rate-anytime": (snncc.Rate(T=5), {"anytime": True}),
    "rate-loop": (snncc.Rate(T=8), {"form": "loop"}),
    "msat": (snncc.MSAT(T=8), {}),
    "msat-confident": (snncc.MSAT(T=8, confidence=0.7, early=4, confidence_layers="all"), {}),
    "phase": (snncc.Phase(T=6, Q=1.5), {}),
    "phase-wait": (snncc.Phase(T=6, Q=1.5, wait=4), {}),
    "phase-levels": (snncc.Phase(T=5, levels=(1.1, 0.8, 0.5, 0.25, 0.1)), {}),
    "phase-spikes": (snncc.Phase(T=6, Q=1.5, spikes=2, input="one"), {"normalize": "none"}),
    "fs": (snncc.FS(K=5), {}),
    "fs-binary": (snncc.FS(K=5, input="binary"), {}),
}


@pytest.fixture(scope="session")
def images() -> npt.NDArray[np.float32]:
    return load_digits().test_images[:30]


@pytest.fixture(scope="session")
def converted():
    """The digits network by case, each converted once."""
    made: dict[str, onnx.ModelProto] = {}

    def convert(case: str) -> onnx.ModelProto:
        if case not in made:
            coding, options = CASES[case]
            made[case] = snncc.convert(
                digits_network(), coding, calibration=load_digits().train_images[:100], **options
            )
        return made[case]

    return convert


@pytest.fixture(params=CASES)
def case(request: pytest.FixtureRequest) -> str:
    return str(request.param)
