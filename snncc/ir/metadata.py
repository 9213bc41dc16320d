# SPDX-License-Identifier: Apache-2.0
"""The metadata keys of snncc, and access to their values in a model."""

from __future__ import annotations

import json
from typing import Any

import onnx

from snncc.errors import ModelError

__all__ = ["KEYS", "metadata_of"]


KEYS = (
    "snncc.version",
    "snncc.coding",
    "snncc.source",
    "snncc.calibration",
    "snncc.neurons",
    "snncc.islands",
    "snncc.form",
    "snncc.weights",
    "snncc.outcome",
)

_ONLY_SOME = ("snncc.recurrent", "snncc.tuning")  # what models have that need it


def metadata_of(model: onnx.ModelProto) -> dict[str, Any]:
    """The snncc metadata of a converted model, JSON parsed; empty for a model that is not one of ours."""
    found = {p.key: p.value for p in model.metadata_props if p.key in (*KEYS, *_ONLY_SOME)}
    try:
        return {k: v if k == "snncc.version" else json.loads(v) for k, v in found.items()}
    except json.JSONDecodeError as error:
        raise ModelError(f"the model's snncc metadata is damaged ({error}). Convert the source model again.") from error
