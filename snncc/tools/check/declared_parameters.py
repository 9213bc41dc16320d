# SPDX-License-Identifier: Apache-2.0
"""Check the neuron parameters and spikes of third-party codings against their declarations."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from snncc.coding import Coding
from snncc.ops import get

__all__ = ["declared_mismatch"]

_VALUES = 257  # at which the op's reference is compared
_BEYOND = 1.25  # of the largest value that can be sent


def declared_mismatch(coding: Coding, form: Mapping[str, Any], op: str, given: Mapping[str, Any]) -> str | None:
    """The mismatch between the attributes `given` to a neuron `op` and the declaration of `coding`; None if there is
    none, or nothing is declared.
    """
    expected = coding.expected_attributes(op, form)
    if expected is None:
        return _other_code(coding, op, given)
    for name, value in expected.items():
        if name not in given:
            return f"it has no {name}"
        if not np.array_equal(np.asarray(given[name]), np.asarray(value, np.asarray(given[name]).dtype)):
            return f"{name} is not what the coding gives"
    return None


def _other_code(coding: Coding, op: str, given: Mapping[str, Any]) -> str | None:
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
