# SPDX-License-Identifier: Apache-2.0
"""Networks and helpers that tests of several passes share."""

from __future__ import annotations

import numpy as np
import onnx
from onnx import numpy_helper

import snncc

CODINGS = {
    "phase": snncc.Phase(T=8, Q=1.5),
    "early": snncc.Phase(T=8, Q=1.5, wait=5),
    "spikes": snncc.Phase(T=8, Q=1.5, spikes=3),
    "fs": snncc.FS(K=6),
    "rate": snncc.Rate(T=8, signed=False),
    "signed": snncc.Rate(T=8, signed=True),
    "msat": snncc.MSAT(T=8),
}


def values(model: onnx.ModelProto) -> dict[str, np.ndarray]:
    return {t.name: numpy_helper.to_array(t) for t in model.graph.initializer}


def put(model: onnx.ModelProto, name: str, value: np.ndarray) -> None:
    tensor = next(t for t in model.graph.initializer if t.name == name)
    tensor.CopyFrom(numpy_helper.from_array(value.astype(np.float32), name))
