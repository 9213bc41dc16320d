# SPDX-License-Identifier: Apache-2.0
"""Bias correction: what each channel's membrane potential lacks on average, compared with the ReLU network.

A code's errors do not average out: small activations vanish, large ones saturate. Layer by layer, from the input on,
the mean potential of each channel in the spiking network is brought to what it is in the ReLU network, with all layers
before it corrected already.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime as ort
from onnx import helper

from snncc import ops
from snncc.channels import channel_axis, spread
from snncc.graph import Graph, Node, Tensor
from snncc.sessions import cpu_session

__all__ = ["mean_potentials", "missing_potentials", "samples_that_fit"]

Array = npt.NDArray[Any]
Batch = Mapping[str, Array]

_BATCH = 32
_MEMORY = 2**29  # bytes of spikes that may be held at a time
_MOST = 512  # more samples no longer change the means


def batch_size(graph: Graph) -> int:
    """How many samples go through the network at a time: as many as its batch axis is fixed at, if it is."""
    fixed = (graph.shape(graph.inputs[0]) or (None,))[0]
    return fixed if isinstance(fixed, int) else _BATCH


def samples_that_fit(graph: Graph) -> int:
    """How many samples' neurons fit into memory at a time: at least one batch, and whole batches only."""
    size = 0
    for relu in graph.nodes("Relu"):
        shape = graph.shape(relu.outputs[0]) or ()
        size += int(np.prod([d if isinstance(d, int) else 1 for d in shape[1:]])) * 4
    batch = batch_size(graph)
    return max(1, int(np.clip(_MEMORY // max(size, 1), _BATCH, _MOST)) // batch) * batch


def potentials(graph: Graph) -> list[Tensor]:
    """The membrane potentials: what every ReLU or neuron reads, and what the last synapses put out."""
    found = [n.inputs[0] for n in graph.nodes() if n.op == "Relu" or _hidden_neuron(graph, n)]
    return found + [_readout(graph, out) for out in graph.outputs]


def _hidden_neuron(graph: Graph, node: Node) -> bool:
    return node.domain == ops.DOMAIN and graph.producer(node.inputs[0]) is not None


def _readout(graph: Graph, out: Tensor) -> Tensor:
    """The potential behind an output: Softmax and its like are not part of it."""
    node = graph.producer(out)
    while node is not None and node.op in ("Softmax", "LogSoftmax", "Sigmoid", "ArgMax"):
        out, node = node.inputs[0], graph.producer(node.inputs[0])
    return out


def mean_potentials(graph: Graph, data: Batch) -> dict[str, Array]:
    """Mean potential of each channel in the ReLU network, broadcasting to the potential, by tensor."""
    wanted = {t.name: t for t in potentials(graph)}
    session = cpu_session(graph.to_proto(), list(wanted))
    sums: dict[str, Array] = {}
    for batch in _batches(data, batch_size(graph)):
        share = _length(batch) / _length(data)
        for (name, tensor), value in zip(wanted.items(), session.run(list(wanted), batch), strict=True):
            sums[name] = sums.get(name, 0) + _mean(graph, tensor, value) * share
    return sums


def missing_potentials(graph: Graph, expected: Mapping[str, Array], data: Batch) -> dict[str, Array]:
    """What to add to each channel's potential in the spiking network, broadcasting to it, by tensor."""
    model, size = graph.to_proto(), batch_size(graph)
    known: dict[str, Array] = dict(data)
    missing: dict[str, Array] = {}
    for node in graph.nodes():
        if node.domain != ops.DOMAIN:
            continue
        source = node.inputs[0]
        potential = _computed(model, known, source.name, size)
        if source.name in expected:
            missing[source.name] = expected[source.name] - _mean(graph, source, potential)
            potential = potential + missing[source.name].astype(potential.dtype)
        known[node.outputs[0].name] = _fired(model, node, potential, size)
    for out in graph.outputs:
        last = _readout(graph, out)
        if last.name in expected and last.name not in missing and last.name not in known:
            missing[last.name] = expected[last.name] - _mean(graph, last, _computed(model, known, last.name, size))
    return missing


def _mean(graph: Graph, potential: Tensor, value: Array) -> Array:
    """Mean of each channel, in a shape that broadcasts to the potential; in rank 2 each neuron is its own channel."""
    axis = channel_axis(graph, potential) or 1
    mean = value.mean(axis=tuple(a for a in range(value.ndim) if a != axis), dtype=np.float64)
    return spread(mean, axis, value.ndim)


def _length(data: Batch) -> int:
    return len(next(iter(data.values())))


def _computed(model: onnx.ModelProto, known: Mapping[str, Array], wanted: str, size: int) -> Array:
    """Run what lies between the known tensors and `wanted`."""
    if wanted in known:
        return known[wanted]
    producers = {out: n for n in model.graph.node for out in n.output}
    nodes, needed, pending = set(), set(), [wanted]
    while pending:
        name = pending.pop()
        if name in known:
            needed.add(name)
        elif name in producers and id(producers[name]) not in nodes:
            nodes.add(id(producers[name]))
            pending += producers[name].input
    part = onnx.ModelProto()
    part.CopyFrom(model)
    del part.graph.node[:], part.graph.input[:], part.graph.output[:], part.graph.value_info[:]
    part.graph.node.extend(n for n in model.graph.node if id(n) in nodes)
    for name in sorted(needed):
        kind = helper.np_dtype_to_tensor_dtype(known[name].dtype)
        part.graph.input.append(helper.make_tensor_value_info(name, kind, ["N", *known[name].shape[1:]]))
    session = cpu_session(part, [wanted])
    feeds = {name: known[name] for name in needed}
    return _in_batches(session, wanted, feeds, size)


def _fired(model: onnx.ModelProto, node: Node, potential: Array, size: int) -> Array:
    """The spike values of one neuron layer, by its function body."""
    kind = helper.np_dtype_to_tensor_dtype(potential.dtype)
    scale = Graph.value(node.inputs[1])
    assert scale is not None
    made = helper.make_node(node.op, ["x", "scale"], ["y", ""], domain=ops.DOMAIN, **node.attrs)
    shape = ["N", *potential.shape[1:]]
    value = helper.make_tensor_value_info
    graph = helper.make_graph(
        [made],
        "neuron",
        [value("x", kind, shape)],
        [value("y", kind, shape)],
        [onnx.numpy_helper.from_array(scale, "scale")],
    )
    body = ops.get(node.op).function(len(node.attrs["levels"]), _opset(model))
    alone = helper.make_model(graph, functions=[body], opset_imports=model.opset_import, ir_version=model.ir_version)
    return _in_batches(cpu_session(alone, ["y"]), "y", {"x": potential}, size)


def _opset(model: onnx.ModelProto) -> int:
    return next(int(o.version) for o in model.opset_import if o.domain in ("", "ai.onnx"))


def _in_batches(session: ort.InferenceSession, wanted: str, feeds: Batch, size: int) -> Array:
    return np.concatenate([session.run([wanted], batch)[0] for batch in _batches(feeds, size)])


def _batches(data: Batch, size: int) -> Iterator[dict[str, Array]]:
    for start in range(0, _length(data), size):
        yield {name: value[start : start + size] for name, value in data.items()}
