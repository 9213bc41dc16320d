# SPDX-License-Identifier: Apache-2.0
"""Replay spike trains: compute the outputs from the spikes of the last neurons and the synapses after them.

The outputs of those neurons are computed from their spikes alone. The result equals the outputs of the network itself
to the last bit, which proves that the spikes are complete.
"""

from __future__ import annotations

import numpy as np
import onnx
from onnx import helper

from snncc.analysis.time_stacking import fold_of, gives_steps, max_batch
from snncc.errors import DataError
from snncc.execution.converted_model import read_converted
from snncc.execution.spike_trains.reproducible import behind_neurons, folded_form, reproducible_session
from snncc.execution.spike_trains.storage import SpikeTrains
from snncc.execution.spike_trains.train import Train
from snncc.io.digests import model_digest
from snncc.io.input_specs import fixed_batch, specs_of
from snncc.io.model_reader import Source
from snncc.ops.arrays import Array

__all__ = ["replay"]

_BATCH = 64


def replay(model: Source, trains: SpikeTrains, *, device: str = "auto") -> dict[str, Array]:
    """The outputs of `model`, by name, computed from `trains`: equal to those of `model` at ORT_ENABLE_EXTENDED.

    Raises:
        DataError: the trains were recorded of another model.
    """
    source = read_converted(model)
    if model_digest(source) != trains.model:
        raise DataError("the spike trains were recorded of another model. Give that one, unchanged.")
    folded = folded_form(source)
    layers = {layer.tensor: layer for layer in trains.layers}
    rest = _rest(folded, layers)
    given = [value.name for value in rest.graph.input]
    names = [value.name for value in rest.graph.output]
    session = reproducible_session(rest, device)
    fixed = fixed_batch(specs_of(folded))
    size = fixed if isinstance(fixed, int) else max_batch(fold_of(folded), _BATCH)
    results = []
    for start in range(0, trains.samples, size):
        end = start + size
        feeds = {n: layers[n].of_samples(start, end).sent() for n in given if n in layers}
        feeds |= {name: trains.inputs[name][start:end] for name in given if name not in layers}
        results.append(session.run(names, feeds))
    joined = (np.concatenate(column, axis=int(gives_steps(folded))) for column in zip(*results, strict=True))
    return dict(zip(names, joined, strict=True))


def _rest(model: onnx.ModelProto, layers: dict[str, Train]) -> onnx.ModelProto:
    """The part of `model` after its last neurons, with their outputs as its inputs."""
    nodes, read = behind_neurons(model)
    rest = onnx.ModelProto()
    rest.CopyFrom(model)
    graph = rest.graph
    del graph.node[:], graph.value_info[:], graph.input[:], graph.initializer[:]
    graph.node.extend(nodes)
    graph.initializer.extend(w for w in model.graph.initializer if w.name in read)
    own = {spec.name for spec in specs_of(model)} & read
    graph.input.extend(v for v in model.graph.input if v.name in own)
    for name in sorted(read & layers.keys()):
        layer = layers[name]
        kind = helper.np_dtype_to_tensor_dtype(layer.dtype)
        graph.input.append(helper.make_tensor_value_info(name, kind, [None, *layer.sample]))
    return rest
