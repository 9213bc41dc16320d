# SPDX-License-Identifier: Apache-2.0
"""Compare neuron parameters with those that the coding in a model's metadata declares as expected.

Where a coding declares none, the reference of the op is compared with the code of the coding.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import helper

from snncc.coding import Coding, coding_of
from snncc.coding.scales import LayerSettings
from snncc.errors import OptionError
from snncc.ops import get

__all__ = ["layer_coding", "most_spikes", "parameter_mismatch", "wrong_gate"]

Values = Mapping[str, Any]
_IDLE = 2.0**127  # a threshold that no potential reaches
_VALUES = 257  # at which the op's reference is compared
_BEYOND = 1.25  # of the largest value that can be sent


def most_spikes(coding: Values, entry: Values = MappingProxyType({})) -> int | None:
    """The maximum number of spikes of a neuron with metadata `entry` for one sample; None if the coding is unknown."""
    try:
        return coding_of(coding).spike_limit(_settings(entry))
    except (OptionError, KeyError, TypeError):
        return None


def _settings(entry: Values) -> LayerSettings:
    levels, fine = (tuple(entry[key]) if key in entry else None for key in ("levels", "fine"))
    return LayerSettings(base=entry.get("Q"), levels=levels, steps=entry.get("steps"), fine=fine)


def layer_coding(coding: Values, entry: Values) -> Coding:
    """The coding of one neuron with metadata `entry`, per-layer settings included.

    Raises:
        OptionError, KeyError, TypeError, ValueError: the metadata are damaged.
    """
    return coding_of(coding).of_layer(_settings(entry))


def parameter_mismatch(
    coding: Coding, form: Values, node: onnx.NodeProto, *, encoder: bool, fitted: bool = False
) -> str | None:
    """The mismatch between a neuron and its `coding` in the recorded `form`; None if there is none.

    An `encoder` has the tables of the network's input. Of tables that were `fitted` to an activation, which no formula
    gives, only the length is known.

    Raises:
        KeyError, TypeError, ValueError: the metadata are damaged.
    """
    given = {a.name: helper.get_attribute_value(a) for a in node.attribute}
    op = node.op_type
    expected = coding.expected_encoder(op, form, given) if encoder else coding.expected_attributes(op, form)
    if expected is None:
        return None if encoder or fitted else _other_code(coding, op, given)
    if (sent := given.get("max_spikes", 1)) != (allowed := expected.get("max_spikes", sent)):
        return f"it may send {sent} spikes, not {allowed}"
    if (other := expected.get("op", op)) != op:
        return f"it is a {op}, not a {other}"
    known = {a.name for a in get(op).attributes}
    for name in (name for name in expected if name in known):
        if name not in given:
            return f"it has no {name}"
        if wrong := _other_value(coding, name, given, expected[name], fitted=fitted):
            return wrong
    return None


def _other_value(coding: Coding, name: str, given: Values, value: Any, *, fitted: bool) -> str | None:
    if isinstance(value, int | float):
        same = fitted or np.float32(given[name]) == np.float32(value)
        return None if same else f"{name} is {given[name]:g}, not {value:g}"
    if len(given[name]) < len(value) or not _idle(given, name, len(value)):
        steps = f"{coding.steps_field} is " if len(value) == coding.steps and coding.steps_field else "not "
        return f"{name} has {len(given[name])} entries, {steps}{len(value)}"
    if fitted or np.array_equal(_rounded(given[name])[: len(value)], _rounded(value)):
        return None
    return f"{name} is not what {coding.table_source} give"


def _rounded(table: Any) -> npt.NDArray[np.float32]:
    return np.asarray(table, np.float32)


def _idle(given: Values, name: str, steps: int) -> bool:
    """Whether nothing fires after this many steps, in tables padded to the length of other layers."""
    if len(given[name]) == steps:
        return True
    thresholds = given.get("thresholds", [0.0])
    own, rest = thresholds[:steps], thresholds[steps:]
    return all(threshold >= _IDLE or ("levels" in given and threshold == own[-1]) for threshold in rest)


def _other_code(coding: Coding, op: str, given: Values) -> str | None:
    """The difference between op and declared code for nonnegative inputs; ops with states or further inputs are
    skipped.
    """
    definition = get(op)
    if definition.stacks or [p.name for p in definition.inputs] != ["X", "scale"]:
        return None
    values = np.linspace(0, _BEYOND * coding.largest, _VALUES, dtype=np.float32)
    sent = definition.reference([values, np.ones(1, np.float32)], given)[0]
    fine = np.allclose(sent, coding.code(values), rtol=1e-5, atol=1e-6)
    return None if fine else f"its {op} does not send what the coding makes of the same values"


def wrong_gate(node: onnx.NodeProto, steps: int) -> str | None:
    """The mismatch between a gate of a recurrent layer and an FSNeuron of `steps` steps; None if there is none."""
    if node.op_type != "FSNeuron":
        return f"it is a {node.op_type}, not an FSNeuron"
    given = {a.name: helper.get_attribute_value(a) for a in node.attribute}
    active = sum(threshold < _IDLE for threshold in given["thresholds"])
    return None if active == steps else f"it has {active} steps that may fire, not {steps}"
