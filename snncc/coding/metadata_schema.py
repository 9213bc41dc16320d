# SPDX-License-Identifier: Apache-2.0
"""Schema of the metadata entries of a converted model, with bounds that protect readers.

Metadata may have been edited. This module checks that they can be read; `snncc check` checks that they are true.
"""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any

import onnx

from snncc.coding import coding_of
from snncc.errors import ModelError, OptionError
from snncc.ir.metadata import metadata_of

__all__ = ["damaged_entry", "sound_entry"]

_MOST_STEPS = 2**16
_MOST_VALUES = 2**31  # of the state of one sample
_STATES = ("float16", "float32", "float64", "int64")
_OUTCOME = {
    "neurons": [{"from": str, "to": str, "layers": int}],
    "synapses": {str: int},
    "batchnorm": {"folded": int, "into": str, "left": [str]},
    "scales": {"inserted": int, "absorbed": int, "left": [str]},
    "islands": {str: int},
}
_TUNING = {"taken": str, "error": {"untuned": float, "tuned": float}}
_RECURRENT = {str: {"op": str, "replaces": str, "K": int}}


def damaged_entry(model: onnx.ModelProto) -> str | None:
    """The key of the first entry that violates the schema, None if all are valid.

    Raises:
        ModelError: an entry is no JSON.
    """
    return next((k for k, v in metadata_of(model).items() if not _SOUND.get(k, _is_table)(v, model)), None)


def sound_entry(model: onnx.ModelProto, key: str) -> dict[str, Any]:
    """The metadata entry `key`; empty if it is missing or not of its form."""
    try:
        found = metadata_of(model).get(key)
    except ModelError:
        return {}
    return found if isinstance(found, dict) and _SOUND.get(key, _is_table)(found, model) else {}


def _fits(value: Any, form: Any) -> bool:
    """Whether `value` has a form: a type; [form] of a list; {str: form} of any keys; {key: form} of these and more."""
    if isinstance(form, list):
        return isinstance(value, list) and all(_fits(v, form[0]) for v in value)
    if isinstance(form, dict) and str in form:
        return isinstance(value, dict) and all(_fits(v, form[str]) for v in value.values())
    if isinstance(form, dict):
        return isinstance(value, dict) and all(key in value and _fits(value[key], form[key]) for key in form)
    if isinstance(value, bool):
        return bool(form is bool)
    return isinstance(value, (int, float) if form is float else form)


def _has(form: Any) -> Callable[[Any, onnx.ModelProto], bool]:
    return lambda value, _model: _fits(value, form)


def _is_table(value: Any, _model: onnx.ModelProto) -> bool:
    return isinstance(value, dict)


def _tells_coding(value: Any, _model: onnx.ModelProto) -> bool:
    """Whether these are parameters of a coding known to this version."""
    if not isinstance(value, dict) or not all(_is_bounded(v) for v in value.values()):
        return False
    try:
        coding_of(value)
    except (OptionError, KeyError, TypeError):
        return False
    return True


def _tells_neurons(value: Any, _model: onnx.ModelProto) -> bool:
    return isinstance(value, dict) and all(
        isinstance(entry, dict) and _is_count(entry.get("steps", 1)) for entry in value.values()
    )


def _is_count(value: Any) -> bool:
    """Whether `value` can be a number of time steps."""
    return isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= _MOST_STEPS


def _is_bounded(value: Any) -> bool:
    return not isinstance(value, int) or abs(value) <= _MOST_STEPS


def _is_shape(value: Any) -> bool:
    """Whether `value` can be the shape of a state, or None where it is not known."""
    if value is None:
        return True
    if not isinstance(value, list) or not all(d is None or isinstance(d, int | str) for d in value):
        return False
    sizes = [d for d in value if isinstance(d, int)]
    return all(d >= 0 for d in sizes) and prod(sizes) <= _MOST_VALUES


def _tells_states(value: Any, model: onnx.ModelProto) -> bool:
    """Whether the recorded states of single steps are inputs and outputs of the graph."""
    if not isinstance(value, dict):
        return False
    inputs, outputs = ([v.name for v in values] for values in (model.graph.input, model.graph.output))
    stepwise = value.get("form") == "step"
    states = value.get("states", None if stepwise else [])
    return (
        isinstance(states, list)
        and _is_count(value.get("steps", None if stepwise else 1))
        and all(
            isinstance(s, dict)
            and s.get("input") in inputs
            and s.get("output") in outputs
            and s.get("dtype") in _STATES
            and _is_shape(s.get("shape"))
            and isinstance(s.get("initial"), int | float)
            for s in states
        )
    )


_SOUND: dict[str, Callable[[Any, onnx.ModelProto], bool]] = {
    "snncc.version": lambda value, _: isinstance(value, str),
    "snncc.calibration": lambda value, _: isinstance(value, dict) and isinstance(value.get("sha256"), str | None),
    "snncc.coding": _tells_coding,
    "snncc.form": _tells_states,
    "snncc.neurons": _tells_neurons,
    "snncc.outcome": _has(_OUTCOME),
    "snncc.recurrent": _has(_RECURRENT),
    "snncc.source": _has({"sha256": str}),
    "snncc.tuning": _has(_TUNING),
    "snncc.weights": _has({"stored": str, "fold_bn": str}),
}
