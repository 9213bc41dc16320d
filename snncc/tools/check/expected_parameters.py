# SPDX-License-Identifier: Apache-2.0
"""Neuron parameters expected from a converted model's metadata.

For built-in codings they are computed here from the metadata alone, independent of the code of the coding that they
check. A third-party coding may declare its expected parameters; else the reference of the op is compared with it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import helper

from snncc.coding import CODINGS, coding_of
from snncc.coding.scales import LayerSettings
from snncc.errors import OptionError
from snncc.tools.check.declared_parameters import declared_mismatch

__all__ = ["most_spikes", "own_parameters", "parameter_mismatch", "wrong_gate"]

Values = Mapping[str, Any]
_LETTERS = ("alpha", "k_a", "k_i", "C", "tau_mp", "tau_rd", "V_T")
_CERTAIN = 2**32
_IDLE = 2.0**127  # a threshold that no potential reaches


def most_spikes(coding: Values, entry: Values = MappingProxyType({})) -> int | None:
    """The maximum number of spikes of a neuron with metadata `entry` for one sample; None if the coding is unknown."""
    try:
        return coding_of(coding).spike_limit(LayerSettings(steps=entry.get("steps")))
    except (OptionError, KeyError, TypeError):
        return None


def own_parameters(coding: Values, entry: Values) -> dict[str, Any]:
    """The coding's parameters for one neuron with metadata `entry`, per-layer settings included."""
    kind = CODINGS.get(str(coding.get("name")))
    steps = {kind.steps_field: entry["steps"]} if kind is not None and "steps" in entry else {}
    return {**coding, **steps, **{key: entry[key] for key in ("Q", "levels") if key in entry}}


def parameter_mismatch(
    coding: Values, form: Values, node: onnx.NodeProto, *, encoder: bool, fitted: bool = False
) -> str | None:
    """The mismatch between a neuron and the recorded `coding` and `form`; None if there is none.

    An `encoder` has the tables of the network's input. Of tables that were `fitted` to an activation, which no formula
    gives, only the length is known.

    Raises:
        KeyError, TypeError, ValueError: the metadata are damaged, or of a coding that is not known.
    """
    given = {a.name: helper.get_attribute_value(a) for a in node.attribute}
    coded = given if encoder else {**given, "signed": 0}  # other neurons have the same tables whether signed or not
    kind = CODINGS[coding["name"]]
    if coding["name"] not in _EXPECTED:
        return None if encoder or fitted else declared_mismatch(coding_of(coding), form, node.op_type, given)
    expected = _EXPECTED[coding["name"]](coding, form, node.op_type, coded)
    if given.get("max_spikes", 1) != (allowed := expected.pop("max_spikes", 1)):
        return f"it may send {given.get('max_spikes', 1)} spikes, not {allowed}"
    if (op := expected.pop("op", node.op_type)) != node.op_type:
        return f"it is a {node.op_type}, not a {op}"
    letters = kind.steps_field
    for name, value in expected.items():
        if name not in given:
            continue
        if isinstance(value, int | float):
            if not fitted and np.float32(given[name]) != np.float32(value):
                return f"{name} is {given[name]:g}, not {value:g}"
        elif len(given[name]) < len(value) or not _idle(given, len(value)):
            return f"{name} has {len(given[name])} entries, {letters} is {len(value)}"
        elif not fitted and not np.array_equal(_rounded(given[name])[: len(value)], _rounded(value)):
            levels = "its levels" if coding.get("levels") is not None else "T, Q and shift"
            words = levels if kind.base_field else f"{letters} and shift"
            return f"{name} is not what {words} give"
    return None


def _rounded(table: Any) -> npt.NDArray[np.float32]:
    return np.asarray(table, np.float32)


def _idle(given: Values, steps: int) -> bool:
    """Whether nothing fires after this many steps, in tables padded to the length of other layers."""
    own, rest = given["thresholds"][:steps], given["thresholds"][steps:]
    return all(threshold >= _IDLE or ("levels" in given and threshold == own[-1]) for threshold in rest)


def wrong_gate(node: onnx.NodeProto, steps: int) -> str | None:
    """The mismatch between a gate of a recurrent layer and an FSNeuron of `steps` steps; None if there is none."""
    if node.op_type != "FSNeuron":
        return f"it is a {node.op_type}, not an FSNeuron"
    given = {a.name: helper.get_attribute_value(a) for a in node.attribute}
    active = sum(threshold < _IDLE for threshold in given["thresholds"])
    return None if active == steps else f"it has {active} steps that may fire, not {steps}"


def _phase(coding: Values, form: Values, op: str, given: Values) -> dict[str, Any]:  # noqa: ARG001
    """Levels Q^-p, or a layer's own, with thresholds in the middle of two; of several spikes, only the last rounds."""
    steps, wait = int(coding["T"]), coding.get("wait") or coding["T"]
    if given.get("signed") and coding["input"] == "binary":
        return {**_binary(steps), "wait": wait}
    spikes = 1 if given.get("signed") else int(coding["spikes"])
    if coding.get("levels") is not None:
        levels = np.resize(np.asarray(coding["levels"], np.float64), steps)  # other lengths than T match nothing
        shifted = np.append((levels[:-1] + levels[1:]) / 2, levels[-1] / 2)
    else:
        base = float(coding["Q"])
        levels = base ** -np.arange(steps, dtype=np.float64)
        shifted = levels * ((1 + 1 / base) / 2) if coding["shift"] else levels
    return {
        "max_spikes": spikes,
        "levels": levels,
        "thresholds": shifted if spikes == 1 else levels,
        "last_thresholds": shifted if spikes == 1 or spikes < steps else levels,
        "wait": wait,
    }


def _binary(bits: int) -> dict[str, Any]:
    levels = 2.0 ** -np.arange(bits, dtype=np.float64)
    return {"max_spikes": bits, **dict.fromkeys(("levels", "thresholds", "last_thresholds"), levels)}


def _few_spikes(coding: Values, form: Values, op: str, given: Values) -> dict[str, Any]:  # noqa: ARG001
    """The bits of a value below the scale; the shift is half of the last one."""
    bits = int(coding["K"])
    if "levels" in given:
        return _binary(bits)
    steps = 2.0 ** -np.arange(1, bits + 1, dtype=np.float64)
    return _tables(steps, 2.0 ** -(bits + 1) if coding["shift"] else 0.0)


def _tables(steps: npt.NDArray[np.float64], initial: float) -> dict[str, Any]:
    return {**dict.fromkeys(("thresholds", "resets", "values"), steps), "initial": initial}


def _rate(coding: Values, form: Values, op: str, given: Values) -> dict[str, Any]:  # noqa: ARG001
    """A threshold of 1 at each of T steps; all of them at once where a layer waits for its input."""
    steps = int(coding["T"])
    if coding["wait"]:
        initial = 0.0 if coding["shift"] == "none" else 0.5 / steps
        return {"op": _of(op, "FSNeuron", "FSNeuronStep"), **_tables(np.full(steps, 1.0 / steps), initial)}
    bias = 0.5 / steps if coding["shift"] == "bias" else 0.0
    return {"op": "SignedIFNeuron" if coding["signed"] else "IFNeuron", "steps": _chunk(coding, form), "bias": bias}


def _msat(coding: Values, form: Values, op: str, given: Values) -> dict[str, Any]:  # noqa: ARG001
    """The threshold's own parameters; with spike confidence, also how likely early spikes survive."""
    expected: dict[str, Any] = {name: float(coding[name]) for name in _LETTERS}
    expected["steps"] = _chunk(coding, form)
    if coding["confidence"] is None:
        return {**expected, "op": "MSATNeuron"}
    expected["op"] = _of(op, "MSATNeuron", "ConfidentMSATNeuron")
    if coding["confidence"] != "auto":
        expected["survival"] = round(float(coding["confidence"]) * _CERTAIN)
    if coding["early"] != "auto":
        expected["early"] = int(coding["early"])
    return expected


def _chunk(coding: Values, form: Values) -> int:
    """Time steps of one call: all of them, unless the network runs in a loop or step by step."""
    return int(form.get("chunk", coding["T"]))


def _of(op: str, *allowed: str) -> str:
    return op if op in allowed else allowed[0]


_EXPECTED: dict[str, Callable[[Values, Values, str, Values], dict[str, Any]]] = {
    "phase": _phase,
    "fs": _few_spikes,
    "rate": _rate,
    "msat": _msat,
}
