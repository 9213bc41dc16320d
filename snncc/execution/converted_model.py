# SPDX-License-Identifier: Apache-2.0
"""Validate a converted model read from a file, before other modules rely on it."""

from __future__ import annotations

import onnx

from snncc.coding.from_metadata import known_ops
from snncc.coding.metadata_schema import damaged_entry
from snncc.errors import ModelError
from snncc.io.large_models import outline
from snncc.io.model_reader import Source, check_weights, model_name, read_model
from snncc.ir.nodes import all_nodes
from snncc.ops import DOMAIN

__all__ = ["CHECKER_ERRORS", "check_converted_model", "read_converted"]

# What onnx's checker raises, shape inference within it included.
CHECKER_ERRORS = (onnx.checker.ValidationError, onnx.shape_inference.InferenceError, RuntimeError, ValueError)

_REMEDY = "Convert the source model again."


def read_converted(source: Source) -> onnx.ModelProto:
    """Read a converted model, or another model to run, with its weights.

    Raises:
        ModelError: it cannot be read, or `check_converted_model` refuses it.
    """
    model = read_model(source)
    check_converted_model(model, model_name(source))
    return model


def check_converted_model(model: onnx.ModelProto, name: str) -> None:
    """Raise ModelError if onnx's checker rejects `model`, or if its metadata or `ai.snncc` ops are unknown."""
    check_weights(model, name)
    known = known_ops(model)
    for node in all_nodes(model.graph):
        if node.domain == DOMAIN and node.op_type not in known:
            raise ModelError(f"{name}: {DOMAIN} has no op {node.op_type}, of node '{node.name}'. {_REMEDY}")
    try:
        onnx.checker.check_model(outline(model), full_check=True)
    except CHECKER_ERRORS as error:
        reason = " ".join(str(error).split())[:300]
        raise ModelError(f"{name}: not a valid ONNX model ({reason}). {_REMEDY}") from error
    if damaged := damaged_entry(model):
        raise ModelError(f"{name}: the metadata entry {damaged} is damaged. {_REMEDY}")
