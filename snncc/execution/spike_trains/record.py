# SPDX-License-Identifier: Apache-2.0
"""Record the spikes of every neuron, with a copy of the network that outputs the neurons' inputs and outputs.

onnxruntime runs it without its highest level of optimisation, which would change the order of sums (SEMANTICS §9).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from math import prod
from typing import Any

import numpy as np
import onnx

from snncc.analysis.cpu_session import must_run
from snncc.analysis.network_view import Network
from snncc.analysis.time_stacking import gives_steps, max_batch
from snncc.errors import ModelError, OptionError
from snncc.execution.converted_model import read_converted
from snncc.execution.spike_trains.emission import Recorded, emission_of, wanted
from snncc.execution.spike_trains.reproducible import behind_neurons, folded_form, reproducible_session
from snncc.execution.spike_trains.storage import SpikeTrains
from snncc.execution.spike_trains.train import Train, joined
from snncc.io.batches import Batch, Samples, batches, first, specs_of
from snncc.io.digests import model_digest
from snncc.io.input_specs import fixed_batch
from snncc.io.model_reader import Source
from snncc.io.preprocess import Preprocess
from snncc.io.progress import track
from snncc.ir.nodes import attributes_of, is_neuron, label
from snncc.ir.proto_builder import Builder
from snncc.ops import get
from snncc.ops.arrays import Array

__all__ = ["spike_trains"]

_BATCH = 64
_BYTES = 2**28  # limit for the recorded data of one run
_EACH = 16  # bytes of a neuron: its potential, its spikes and what is computed from them


def spike_trains(
    model: Source,
    inputs: Samples,
    *,
    preprocess: Preprocess | str | None = None,
    limit: int | None = None,
    device: str = "auto",
) -> tuple[SpikeTrains, dict[str, Array]]:
    """(The spikes of every neuron of a converted `model`, the model's outputs) for `inputs`.

    Args:
        model: Path, bytes or ModelProto in any form; of phase coding with `wait` the folded one.
        inputs: Array, dict of arrays, iterable of either, path of an .npy or .npz file or of an image folder.
        preprocess: How uint8 images become inputs; see `snncc.Preprocess.parse`.
        limit: Record the first samples only.
        device: "cpu", "cuda", or "auto": CUDA if it works here, else the CPU.

    Raises:
        OptionError: the model has no neurons, or no folded form.
        DataError: the inputs do not fit the model.
    """
    source = read_converted(model)
    folded = folded_form(source)
    parsed = Preprocess.of(preprocess)
    specs = specs_of(folded)
    any_size = fixed_batch(specs) is None
    stream = first(batches(inputs, specs, preprocess=parsed, batch_size=_BATCH), limit, cut=any_size)
    recorder = _Recorder(folded, device)
    for batch in track(stream, "recording spikes"):
        recorder.add(batch)
    return recorder.result(model_digest(source))


@dataclass(frozen=True)
class _Layer:
    """A neuron's node, and the names of its recorded tensors in a run.

    Attributes:
        inputs: Tensors or constants, by the op's name for them.
        count: The node's output `count`; None: not wanted.
    """

    node: onnx.NodeProto
    inputs: Mapping[str, str]
    count: str | None

    @property
    def sent(self) -> str:
        """The output tensor of the layer."""
        return str(self.node.output[0])

    @property
    def names(self) -> list[str]:
        """All tensors to record."""
        return [*self.inputs.values(), self.sent, *([self.count] if self.count else [])]

    def train(self, tensors: Mapping[str, Array]) -> Train:
        """The spikes of the layer; verifies that their values are the layer's output."""
        sent, op = tensors[self.sent], self.node.op_type
        inputs = {key: tensors[name] for key, name in self.inputs.items()}
        given = Recorded(inputs, sent, tensors[self.count] if self.count else None)
        told = emission_of(op)
        assert told is not None  # see `_layer`
        emission = told(given, attributes_of(self.node))
        found = {f.name: getattr(emission, f.name) for f in fields(emission)}
        scale = np.asarray(inputs["scale"], np.float32)
        about: dict[str, Any] = {"dtype": sent.dtype, "sample": sent.shape[1:], "scale": scale, **found}
        train = Train(label(self.node), op, self.sent, **about)
        if not np.array_equal(train.sent(), sent):
            raise ModelError(f"the spikes of '{train.name}' do not add up to what it sent. Please report this.")
        return train


class _Recorder:
    """An instrumented copy of a network, and what it recorded so far."""

    def __init__(self, model: onnx.ModelProto, device: str) -> None:
        self._model, self._device = model, device
        self._probed, self._layers = _instrumented(model)
        self._outputs = [value.name for value in model.graph.output]
        specs = specs_of(model)
        self._any_size = fixed_batch(specs) is None
        self._kept = sorted({s.name for s in specs} & behind_neurons(model)[1])
        self._session: Any = None
        self._size = 1
        self._constants: dict[str, Array] = {}
        self._trains: dict[str, list[Train]] = {}
        self._given: list[Batch] = []
        self._results: list[list[Array]] = []

    def add(self, batch: Batch) -> None:
        """Run a batch, in pieces that fit into memory."""
        if self._session is None:
            self._start(batch)
        count = len(next(iter(batch.values())))
        size = self._size if self._any_size else count
        for start in range(0, count, size):
            self._run({name: array[start : start + size] for name, array in batch.items()})

    def result(self, digest: str) -> tuple[SpikeTrains, dict[str, Array]]:
        """(All trains, all outputs)."""
        layers = tuple(joined(parts) for parts in self._trains.values())
        given = {name: np.concatenate([part[name] for part in self._given]) for name in self._kept}
        axis = int(gives_steps(self._model))
        found = (np.concatenate(column, axis=axis) for column in zip(*self._results, strict=True))
        return SpikeTrains(digest, layers, given), dict(zip(self._outputs, found, strict=True))

    def _start(self, batch: Batch) -> None:
        """Open the session: the shapes of the first batch determine open axes of the model."""
        network = Network(self._model, {name: array.shape[1:] for name, array in batch.items()})
        sizes = [prod(network.shape(node.output[0])) for node in network.neurons]
        rows = max(1, _BYTES // (_EACH * sum(sizes)))
        self._size = max(1, min(max_batch(network.fold, _BATCH), rows // network.fold.count))
        values = ((name, network.value(name)) for layer in self._layers for name in layer.inputs.values())
        self._constants = {name: value for name, value in values if value is not None}
        self._session = reproducible_session(self._probed, self._device)

    def _run(self, batch: Batch) -> None:
        known = {**self._constants, **batch}
        names = list(dict.fromkeys(name for layer in self._layers for name in layer.names if name not in known))
        with must_run("the network"):
            found = self._session.run([*self._outputs, *names], batch)
        self._results.append(found[: len(self._outputs)])
        self._given.append({name: batch[name] for name in self._kept})
        tensors = {**known, **dict(zip(names, found[len(self._outputs) :], strict=True))}
        for layer in self._layers:
            self._trains.setdefault(layer.sent, []).append(layer.train(tensors))


def _instrumented(model: onnx.ModelProto) -> tuple[onnx.ModelProto, list[_Layer]]:
    """A copy of `model` that also outputs the recorded tensors of its neurons."""
    probed = onnx.ModelProto()
    probed.CopyFrom(model)
    build = Builder(probed)
    layers = [_layer(node, build) for node in probed.graph.node if is_neuron(node)]
    computed = {name for node in probed.graph.node if node.op_type != "Constant" for name in node.output}
    computed -= {value.name for value in model.graph.output}
    names = dict.fromkeys(name for layer in layers for name in layer.names if name in computed)
    probed.graph.output.extend(onnx.ValueInfoProto(name=name) for name in names)
    return probed, layers


def _layer(node: onnx.NodeProto, build: Builder) -> _Layer:
    if emission_of(node.op_type) is None:
        raise OptionError(f"'{label(node)}' is a {node.op_type}, whose spikes are not recorded. Update snncc.")
    definition = get(node.op_type)
    names, with_count = wanted(node.op_type)
    inputs = {p.name: name for p, name in zip(definition.inputs, node.input, strict=False) if p.name in names}
    if not with_count:
        return _Layer(node, inputs, None)
    at = [p.name for p in definition.outputs].index("count")
    node.output.extend([""] * (at + 1 - len(node.output)))
    node.output[at] = node.output[at] or build.fresh(f"{node.output[0]}_count")
    return _Layer(node, inputs, str(node.output[at]))
