# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import onnx
import pytest

import snncc
from snncc.models import digits_network
from snncc.models.digits import load_digits

pytest.importorskip("matplotlib", reason="the extra `report` is not installed")
pytest.importorskip("jinja2", reason="the extra `report` is not installed")

CODINGS = {
    "phase": snncc.Phase(T=16, Q=1.3),
    "fs": snncc.FS(K=6),
    "rate": snncc.Rate(T=16, signed=True),
    "msat": snncc.MSAT(T=16),
}


class Reported(NamedTuple):
    """A converted digits network, the data, and its report."""

    ann: bytes
    snn: onnx.ModelProto
    data: dict[str, Any]
    found: Any


@pytest.fixture(scope="session", params=sorted(CODINGS))
def reported(request: pytest.FixtureRequest) -> Reported:
    from snncc.tools.report import report

    digits, ann = load_digits(), digits_network()
    snn = snncc.convert(ann, CODINGS[request.param], calibration=digits.train_images[:100])
    data = {"input": digits.test_images[:8], "labels": digits.test_labels[:8]}
    return Reported(ann, snn, data, report(snn, ann, data))


@pytest.fixture(scope="session")
def images() -> np.ndarray:
    return load_digits().test_images
