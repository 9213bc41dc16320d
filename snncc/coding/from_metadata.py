# SPDX-License-Identifier: Apache-2.0
"""Restore the coding of a converted model, and its lowered ReLU network, from the metadata."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt
import onnx

from snncc.coding import Coding, coding_of
from snncc.coding.bound_forms import Forms, form_of
from snncc.errors import ModelError, OptionError
from snncc.ir.metadata import metadata_of
from snncc.ops import all_ops

__all__ = [
    "known_ops",
    "layer_settings",
    "layer_steps",
    "recorded_bounds",
    "recorded_coding",
    "replaced_relus",
    "spikes_at_sums",
    "units",
]


def recorded_coding(model: onnx.ModelProto) -> Coding | None:
    """The coding in the model's metadata; None if it is missing, damaged or of another version of snncc."""
    try:
        return coding_of(metadata_of(model)["snncc.coding"])
    except (ModelError, OptionError, KeyError, TypeError):
        return None


def known_ops(model: onnx.ModelProto) -> frozenset[str]:
    """The names of snncc's ops, and of those of the coding in the model's metadata."""
    recorded_coding(model)  # which loads its package
    return frozenset(op.name for op in all_ops())


def recorded_bounds(model: onnx.ModelProto) -> Forms:
    """The forms of the model's bounds, by node; empty if the metadata do not contain them."""
    try:
        recorded = metadata_of(model).get("snncc.calibration", {}).get("bounds", {})
    except (ModelError, AttributeError):
        return {}
    return {name: form_of(words) for name, words in recorded.items()} if isinstance(recorded, dict) else {}


def spikes_at_sums(model: onnx.ModelProto) -> bool:
    """Whether sums of synapses that synapses read became spikes; False if the metadata do not say it."""
    try:
        return metadata_of(model).get("snncc.calibration", {}).get("spike_linear") is True
    except (ModelError, AttributeError):
        return False


def replaced_relus(model: onnx.ModelProto) -> dict[str, str]:
    """By neuron: the Relu of the prepared network that it replaces; encoders replace none."""
    try:
        recorded = metadata_of(model).get("snncc.neurons", {})
    except ModelError:
        return {}
    entries = recorded.items() if isinstance(recorded, dict) else ()
    return {name: e["replaces"] for name, e in entries if isinstance(e, dict) and isinstance(e.get("replaces"), str)}


def layer_settings(model: onnx.ModelProto) -> tuple[str, ...]:
    """Per-layer settings of neurons that differ from the coding's: `Q`, `levels`, `steps`."""
    try:
        recorded = metadata_of(model).get("snncc.neurons", {})
    except ModelError:
        return ()
    entries = list(recorded.values()) if isinstance(recorded, dict) else []
    return tuple(key for key in ("Q", "levels", "steps") if any(isinstance(e, dict) and key in e for e in entries))


def layer_steps(model: onnx.ModelProto) -> dict[str, int]:
    """By neuron: its time steps, where they differ from the coding's."""
    entries = metadata_of(model).get("snncc.neurons", {})
    return {name: int(e["steps"]) for name, e in entries.items() if isinstance(e, dict) and "steps" in e}


def units(model: onnx.ModelProto, neurons: Iterable[str]) -> dict[str, npt.NDArray[np.float64]]:
    """By neuron: the value in the prepared network of 1 in its output; one value, or one per channel.

    Encoders, among the `neurons`, have none.

    Raises:
        ModelError: the metadata do not contain it.
    """
    entries, replaced = metadata_of(model).get("snncc.neurons", {}), replaced_relus(model)
    try:
        known = {name: entries[name] for name in neurons}
        found = {name: np.asarray(entry["unit"], np.float64) for name, entry in known.items() if name in replaced}
        sound = all(bool((np.isfinite(unit) & (unit > 0)).all()) for unit in found.values())
    except (KeyError, TypeError, ValueError):
        sound = False
    if not sound:
        message = "the model's metadata do not say what the spikes of its neurons are worth in its source network"
        raise ModelError(f"{message}. Convert that once more, with this version of snncc.")
    return found
