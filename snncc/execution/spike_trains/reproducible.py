# SPDX-License-Identifier: Apache-2.0
"""Reproducible network for recording and replay: folded form, sums in a fixed order, split at its neurons."""

from __future__ import annotations

from typing import Any

import onnx
import onnxruntime as ort

from snncc.errors import ModelError, OptionError
from snncc.execution.folded_form import to_folded
from snncc.ir.metadata import metadata_of
from snncc.ir.nodes import is_neuron
from snncc.ir.scopes import reads, writes

__all__ = ["behind_neurons", "folded_form", "reproducible_session"]


def folded_form(model: onnx.ModelProto) -> onnx.ModelProto:
    """`model` with all its time steps in one pass.

    Raises:
        OptionError: only another conversion can give that form, or nothing in the model spikes.
    """
    try:
        folded = to_folded(model)
    except ModelError as error:
        form = metadata_of(model).get("snncc.form", {}).get("form")
        message = f"spike trains are recorded of networks in the folded form, but the model is in the form '{form}'"
        raise OptionError(f"{message}. Convert it once more, with form folded: the spikes are the same.") from error
    if not any(is_neuron(node) for node in folded.graph.node):
        raise OptionError("the model has no spiking neurons. Give one that snncc has converted.")
    return folded


def reproducible_session(model: onnx.ModelProto, device: str) -> ort.InferenceSession:
    """A session without the optimisations that change the order of sums."""
    from snncc.runtime import create_session

    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
    return create_session(model, device=device, options=options)


def behind_neurons(model: onnx.ModelProto) -> tuple[list[onnx.NodeProto], set[str]]:
    """(Nodes between the last neurons and the outputs, tensors and constants that these nodes and the outputs read)."""
    read = {value.name for value in model.graph.output}
    kept: list[Any] = []
    for node in reversed(model.graph.node):
        if not is_neuron(node) and not read.isdisjoint(writes(node)):
            kept.append(node)
            read.update(reads(node))
    return kept[::-1], read - {name for node in kept for name in writes(node)}
