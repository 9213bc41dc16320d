# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import Any

import onnx
import onnxruntime as ort
import pytest

import snncc
from snncc.models import digits_network
from snncc.models.digits import Digits, load_digits

CODINGS = {
    "rate": snncc.Rate(T=12),
    "rate-signed": snncc.Rate(T=8, signed=True),
    "rate-wait": snncc.Rate(T=6, wait=6),
    "msat": snncc.MSAT(T=8),
    "msat-confident": snncc.MSAT(T=8, confidence=0.7, early=4, confidence_layers="all"),
    "phase": snncc.Phase(T=6, Q=1.5),
    "phase-wait": snncc.Phase(T=6, Q=1.5, wait=4),
    "phase-spikes": snncc.Phase(T=6, Q=1.5, spikes=2),
    "fs": snncc.FS(K=5),
    "fs-binary": snncc.FS(K=5, input="binary"),
}


@pytest.fixture(scope="session")
def digits() -> Digits:
    return load_digits()


@pytest.fixture(scope="session")
def converted(digits):
    """The digits network by coding and form, each converted once."""
    made: dict[tuple[str, ...], onnx.ModelProto] = {}

    def convert(coding: str, form: str = "folded", **options: Any) -> onnx.ModelProto:
        key = (coding, form, *options)
        if key not in made:
            # What matching adds to the outputs stands after the readout, or in the weights where there is none.
            options = {"match": False, **options}
            data = digits.train_images[:100]
            made[key] = snncc.convert(digits_network(), CODINGS[coding], calibration=data, form=form, **options)
        return made[key]

    return convert


@pytest.fixture
def exact() -> ort.SessionOptions:
    """Options that leave sums in their order."""
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
    return options
