# SPDX-License-Identifier: Apache-2.0
"""Slow reference for the firing times of neurons that send values: neuron by neuron, phase by phase."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product
from typing import Any

import numpy as np
import onnx
from onnx import helper

__all__ = ["firing"]


def firing(node: onnx.NodeProto, values: Mapping[str, np.ndarray]) -> np.ndarray:
    """Spikes of a neuron that sends values, [T, N, …]: phase by phase, each neuron on its own; see SEMANTICS 1 to 3."""
    table = {a.name: helper.get_attribute_value(a) for a in node.attribute}
    u = values[node.input[0]].astype(np.float32)
    if node.op_type == "ResidualOneSpikeNeuron":
        u = u + values[node.input[2]].astype(np.float32) * values[node.input[3]]
    u = u / values[node.input[1]]
    slices = len(table["levels"]) - table["wait"] + 1 if node.op_type == "WaitOneSpikeNeuron" else 1
    u = u.reshape(slices, -1, *u.shape[1:])
    alone = few_spikes if node.op_type == "FSNeuron" else phases
    found = np.zeros((len(table["thresholds"]), *u.shape[1:]), int)
    for place in product(*map(range, u.shape[1:])):
        found[(slice(None), *place)] = alone(u[(slice(None), *place)], table)
    return found


def few_spikes(u: np.ndarray, table: Mapping[str, Any]) -> list[bool]:
    v, found = np.float32(u[0] + np.float32(table["initial"])), []
    for threshold, reset in zip(table["thresholds"], table["resets"], strict=True):
        found.append(v >= np.float32(threshold))
        v = np.float32(v - np.float32(reset)) if found[-1] else v
    return found


def phases(u: np.ndarray, table: Mapping[str, Any]) -> list[bool]:
    most, found, left = table.get("max_spikes", 1), [], np.float32(0)
    for p, level in enumerate(table["levels"]):
        if not any(found):
            left = abs(u[min(p, len(u) - 1)]) if table.get("signed") else u[min(p, len(u) - 1)]
        last = sum(found) == most - 1
        threshold = table["last_thresholds" if last and "last_thresholds" in table else "thresholds"][p]
        found.append(bool(sum(found) < most and left >= np.float32(threshold)))
        left = np.float32(left - np.float32(level)) if found[-1] else left
    return found
