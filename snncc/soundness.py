# SPDX-License-Identifier: Apache-2.0
"""Whether a converted model, read from a file that anybody may have damaged, is one that the rest can rely on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import onnx

from snncc.errors import ModelError
from snncc.export import all_nodes, metadata_of
from snncc.large import outline
from snncc.loading import Source, check_weights, read_model, where
from snncc.ops import DOMAIN, all_ops

__all__ = ["CHECKER_ERRORS", "read_converted", "refuse_damaged"]

# What onnx's checker raises, shape inference within it included.
CHECKER_ERRORS = (onnx.checker.ValidationError, onnx.shape_inference.InferenceError, RuntimeError, ValueError)

_WAY_OUT = "Convert the source model again."


def read_converted(source: Source) -> onnx.ModelProto:
    """A converted model, or another one to be run, with its weights.

    Raises:
        ModelError: it cannot be read, or `refuse_damaged` refuses it.
    """
    model = read_model(source)
    refuse_damaged(model, where(source))
    return model


def refuse_damaged(model: onnx.ModelProto, name: str) -> None:
    """Raise ModelError if onnx's checker refuses `model`, or if its metadata or ops of ours are none that we know."""
    check_weights(model, name)
    known = {op.name for op in all_ops()}
    for node in all_nodes(model.graph):
        if node.domain == DOMAIN and node.op_type not in known:
            raise ModelError(f"{name}: {DOMAIN} has no op {node.op_type}, of node '{node.name}'. {_WAY_OUT}")
    try:
        onnx.checker.check_model(outline(model), full_check=True)
    except CHECKER_ERRORS as error:
        reason = " ".join(str(error).split())[:300]
        raise ModelError(f"{name}: not a valid ONNX model ({reason}). {_WAY_OUT}") from error
    for key, value in metadata_of(model).items():
        if not _SOUND.get(key, _is_table)(value, model):
            raise ModelError(f"{name}: the metadata entry {key} is damaged. {_WAY_OUT}")


def _is_table(value: Any, _model: onnx.ModelProto) -> bool:
    return isinstance(value, dict)


def _tells_neurons(value: Any, _model: onnx.ModelProto) -> bool:
    return isinstance(value, dict) and all(isinstance(entry, dict) for entry in value.values())


def _tells_states(value: Any, model: onnx.ModelProto) -> bool:
    """Whether the states of single steps are inputs and outputs of the graph."""
    if not isinstance(value, dict):
        return False
    inputs, outputs = ([v.name for v in values] for values in (model.graph.input, model.graph.output))
    stepwise = value.get("form") == "step"
    states = value.get("states", None if stepwise else [])
    return (
        isinstance(states, list)
        and isinstance(value.get("steps", None if stepwise else 1), int)
        and all(
            isinstance(s, dict)
            and s.get("input") in inputs
            and s.get("output") in outputs
            and s.get("dtype") in _STATES
            and (s.get("shape") is None or isinstance(s["shape"], list))
            and isinstance(s.get("initial"), int | float)
            for s in states
        )
    )


_STATES = ("float16", "float32", "float64", "int64")
_SOUND: dict[str, Callable[[Any, onnx.ModelProto], bool]] = {
    "snncc.version": lambda value, _: isinstance(value, str),
    "snncc.form": _tells_states,
    "snncc.neurons": _tells_neurons,
}
