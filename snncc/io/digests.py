# SPDX-License-Identifier: Apache-2.0
"""Digests of models, however they are stored."""

from __future__ import annotations

import hashlib

import onnx

from snncc.io.large_models import fits_one_file, parts
from snncc.storage.mapped import values_of
from snncc.storage.serialised import serialised

__all__ = ["model_digest"]


def model_digest(model: onnx.ModelProto) -> str:
    """SHA-256 of a model with its weights, however it was stored; of one over 2 GB, its large weights come last."""
    sketch, aside = (model, []) if fits_one_file(model) else parts(model, "")
    digest = hashlib.sha256()
    for piece in serialised(sketch):
        digest.update(piece)
    for weight in aside:
        digest.update(values_of(weight))
    return digest.hexdigest()
