# SPDX-License-Identifier: Apache-2.0
"""Checks of the import: on the model as given, between the steps, and on the final graph."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import onnx

from snncc.errors import ModelError, in_words
from snncc.frontend.legality import (
    refuse_inputs,
    refuse_ours,
    refuse_training,
    refuse_types,
    refuse_unshaped,
    refuse_unsupported,
    refuse_weights,
)
from snncc.frontend.plain_types import checkable
from snncc.frontend.well_formed import refuse_malformed
from snncc.io.model_reader import check_weights
from snncc.ir.graph import Graph
from snncc.ir.scopes import reads

__all__ = [
    "check_graph",
    "check_model",
    "check_signature",
    "check_standard",
    "first_line",
    "must_be_valid",
    "shapes_must_fit",
]


def check_model(model: onnx.ModelProto, name: str) -> None:
    """Raise for a model that cannot be converted, before any import step."""
    refuse_ours(model, name)
    check_weights(model, name)
    refuse_malformed(model, name)


def check_signature(model: onnx.ModelProto, name: str) -> None:
    """Raise for unsupported inputs, opsets or names."""
    if not model.graph.input:
        raise ModelError(f"{name}: the network has no input. Export it with its input as a graph input.")
    refuse_unshaped(model, name)
    version = next((o.version for o in model.opset_import if o.domain == ""), None)
    if version is None or version < 7:
        given = "no ONNX opset is stated" if version is None else f"opset {version} is older than 7"
        raise ModelError(f"{name}: {given}. Export the model again with opset 13 or newer.")
    _refuse_missing(model, name)
    refuse_training(model, name)


def check_standard(model: onnx.ModelProto, name: str) -> None:
    """Raise for models that onnx's checker rejects, and for values of types that passes do not support."""
    onnx.checker.check_model(checkable(model))
    refuse_types(model, name)


def check_graph(graph: Graph, name: str) -> None:
    """Raise for unsupported nodes, naming all of them."""
    refuse_unsupported(graph, name)
    refuse_inputs(graph, name)
    refuse_weights(graph, name)


@contextmanager
def must_be_valid(name: str) -> Iterator[None]:
    """Convert onnx's errors on an invalid model to a ModelError."""
    try:
        yield
    except (RuntimeError, onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as error:
        raise ModelError(f"{name}: not a valid ONNX model ({first_line(error)}). Export the model again.") from error


@contextmanager
def shapes_must_fit(name: str) -> Iterator[None]:
    """Convert onnx's errors on contradicting shapes to a ModelError."""
    try:
        yield
    except (onnx.shape_inference.InferenceError, onnx.checker.ValidationError) as error:
        raise ModelError(f"{name}: shapes do not fit together ({in_words(error)}). Export the model again.") from error


def _refuse_missing(model: onnx.ModelProto, name: str) -> None:
    graph = model.graph
    known = {"", *(i.name for i in graph.input), *(t.name for t in graph.initializer)}
    known |= {out for n in graph.node for out in n.output}
    for node in graph.node:
        for missing in sorted(set(reads(node)) - known):
            message = f"{name}: input '{missing}' of {node.op_type} '{node.name or node.output[0]}' is missing"
            remedy = "Export the model again, with its weights."
            raise ModelError(f"{message}: no weight, node or graph input has that name. {remedy}")
    for output in graph.output:  # onnx's version converter assumes this up to 1.22
        if output.name not in known:
            raise ModelError(f"{name}: nothing computes the output '{output.name}'. Export the model again.")


def first_line(error: Exception) -> str:
    """The first line of an error message."""
    return next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
