# SPDX-License-Identifier: Apache-2.0
"""Matches the membrane potentials of the spiking network to those of the ReLU network, channel by channel.

A code's errors do not average out: small activations vanish, large ones saturate, and a ReLU makes an excess of noise.
Layer by layer, from the input on, with all layers before it matched already, each channel's potential x becomes
g (x + c), with the gain g and the offset c that give it the mean and deviation that it has in the ReLU network.
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
from snncc.passes.correct_potentials import Correction
from snncc.passes.synapse import SYNAPSES
from snncc.sessions import cpu_session
from snncc.support import MOVES, TAIL

__all__ = ["match_potentials", "samples_that_fit"]

Array = npt.NDArray[Any]
Batch = Mapping[str, Array]
Moments = tuple[Array, Array]  # mean and standard deviation of each channel, broadcasting to the tensor

_BATCH = 32
_MEMORY = 2**29  # bytes of activations that may be held at a time
_MOST = 512  # more samples no longer change the means
_GAINS = (0.5, 2.0)  # a channel that needs more has hardly any signal left


def batch_size(graph: Graph) -> int:
    """How many samples go through the network at a time: as many as its batch axis is fixed at, if it is."""
    fixed = (graph.shape(graph.inputs[0]) or (None,))[0]
    return fixed if isinstance(fixed, int) else _BATCH


def samples_that_fit(graph: Graph) -> int:
    """How many samples' activations fit into memory at a time: at least one batch, and whole batches only."""
    size = 0
    for relu in graph.nodes("Relu"):
        shape = graph.shape(relu.outputs[0]) or ()
        size += int(np.prod([d if isinstance(d, int) else 1 for d in shape[1:]])) * 4
    batch = batch_size(graph)
    return max(1, int(np.clip(_MEMORY // max(size, 1), _BATCH, _MOST)) // batch) * batch


def match_potentials(reference: Graph, spiking: Graph, data: Batch) -> dict[str, Correction]:
    """The correction of each potential of `spiking`, by tensor.

    Args:
        reference: The normalised ReLU network.
        spiking: The same after lowering; potentials have the same names.
        data: Samples {input: [n, …]}.
    """
    size = batch_size(spiking)
    wanted = _moments_of(reference, data, size)
    network = _Network(spiking, data, size)
    found: dict[str, Correction] = {}
    for node in spiking.nodes():
        if node.domain != ops.DOMAIN:
            continue
        source = node.inputs[0]
        potential = network.value(source.name)
        if source.name in wanted:
            found[source.name] = correction = _correction(wanted[source.name], _moments(spiking, source, potential))
            potential = (correction.gain * (potential + correction.offset)).astype(potential.dtype)
            network.known[source.name] = potential  # whatever else reads it gets it corrected, too
        network.known[node.outputs[0].name] = _fired(spiking, node, potential, size)
    for last in _readouts(spiking):
        if last.name in wanted and last.name not in found:
            found[last.name] = _correction(wanted[last.name], _moments(spiking, last, network.value(last.name)))
    return found


def _readouts(graph: Graph) -> list[Tensor]:
    """The potentials behind the outputs: Softmax and its like are not part of them, nor is what neurons send."""
    found = []
    for out in graph.outputs:
        potential = tensor = out
        while (node := graph.producer(tensor)) is not None and node.op in (*TAIL, *MOVES):
            tensor = node.inputs[0]
            potential = tensor if node.op in TAIL else potential
        real = potential.dtype is not None and np.dtype(potential.dtype).kind == "f"
        if real and _behind_synapse(graph, potential) and not _read_inside(graph, potential):
            found.append(potential)
    return found


def _behind_synapse(graph: Graph, tensor: Tensor) -> bool:
    """Whether synapses, with no neuron behind them, make `tensor`."""
    node = graph.producer(tensor)
    if node is None or node.domain == ops.DOMAIN or node.op == "Relu":
        return False
    return node.op in SYNAPSES or any(_behind_synapse(graph, t) for t in node.inputs)


def _read_inside(graph: Graph, tensor: Tensor) -> bool:
    """Whether anything but the way to an output reads `tensor`."""
    return any(
        u.op not in (*TAIL, *MOVES) or any(_read_inside(graph, out) for out in u.outputs) for u in graph.users(tensor)
    )


def _moments_of(graph: Graph, data: Batch, size: int) -> dict[str, Moments]:
    """Moments of every potential in the ReLU network; memory holds one batch."""
    found = [n.inputs[0] for n in graph.nodes("Relu")] + _readouts(graph)
    tensors = {t.name: t for t in found if graph.producer(t) is not None}
    session = cpu_session(graph.to_proto(), list(tensors))
    sums: dict[str, tuple[Array, Array]] = {}
    total = len(next(iter(data.values())))
    for batch in _batches(data, size):
        share = len(next(iter(batch.values()))) / total
        for (name, tensor), value in zip(tensors.items(), session.run(list(tensors), batch), strict=True):
            mean, deviation = _moments(graph, tensor, value)
            before = sums.get(name, (0.0, 0.0))
            sums[name] = before[0] + share * mean, before[1] + share * (deviation**2 + mean**2)
    return {k: (mean, np.sqrt(np.maximum(square - mean**2, 0))) for k, (mean, square) in sums.items()}


def _moments(graph: Graph, tensor: Tensor, value: Array) -> Moments:
    axis = 1 if value.ndim == 2 else channel_axis(graph, tensor)  # in rank 2 each neuron is its own channel
    others = tuple(a for a in range(value.ndim) if a != axis)
    mean, deviation = value.mean(axis=others, dtype=np.float64), value.std(axis=others, dtype=np.float64)
    return spread(mean, axis, value.ndim), spread(deviation, axis, value.ndim)


def _correction(wanted: Moments, found: Moments) -> Correction:
    alive = found[1] > 0
    gain = np.clip(np.where(alive, wanted[1] / np.where(alive, found[1], 1), 1.0), *_GAINS)
    return Correction(gain, wanted[0] / gain - found[0])


class _Network:
    """A network that is run piece by piece, from what is known of it."""

    def __init__(self, graph: Graph, data: Batch, size: int) -> None:
        self._model = graph.to_proto()
        self._producers = {out: n for n in self._model.graph.node for out in n.output}
        self._size = size
        self.known: dict[str, Array] = dict(data)

    def value(self, wanted: str) -> Array:
        """The value of a tensor; what lies between it and the known tensors is run."""
        if wanted in self.known:
            return self.known[wanted]
        nodes, needed = self._between(wanted)
        part = onnx.ModelProto()
        part.CopyFrom(self._model)
        del part.graph.node[:], part.graph.input[:], part.graph.output[:], part.graph.value_info[:]
        part.graph.node.extend(n for n in self._model.graph.node if id(n) in nodes)
        feeds = {name: self.known[name] for name in sorted(needed)}
        for name, value in feeds.items():
            kind = helper.np_dtype_to_tensor_dtype(value.dtype)
            part.graph.input.append(helper.make_tensor_value_info(name, kind, ["N", *value.shape[1:]]))
        return _in_batches(cpu_session(part, [wanted]), wanted, feeds, self._size)

    def _between(self, wanted: str) -> tuple[set[int], set[str]]:
        """Nodes (by id) that lead from known tensors to `wanted`, and those tensors."""
        nodes: set[int] = set()
        needed: set[str] = set()
        pending = [wanted]
        while pending:
            name = pending.pop()
            if name in self.known:
                needed.add(name)
            elif name in self._producers and id(self._producers[name]) not in nodes:
                nodes.add(id(self._producers[name]))
                pending += self._producers[name].input
        return nodes, needed


def _fired(graph: Graph, node: Node, potential: Array, size: int) -> Array:
    """The spike values of one layer of neurons, by its function body."""
    kind = helper.np_dtype_to_tensor_dtype(potential.dtype)
    scale = graph.value(node.inputs[1])
    assert scale is not None
    made = helper.make_node(node.op, ["x", "scale"], ["y", ""], domain=ops.DOMAIN, **node.attrs)
    x, y = (helper.make_tensor_value_info(name, kind, ["N", *potential.shape[1:]]) for name in "xy")
    alone = helper.make_model(
        helper.make_graph([made], "neuron", [x], [y], [onnx.numpy_helper.from_array(scale, "scale")]),
        functions=[ops.get(node.op).function(len(node.attrs["levels"]), graph.opset)],
        opset_imports=[helper.make_opsetid("", graph.opset), helper.make_opsetid(ops.DOMAIN, ops.OPSET)],
        ir_version=10,
    )
    return _in_batches(cpu_session(alone), "y", {"x": potential}, size)


def _in_batches(session: ort.InferenceSession, wanted: str, feeds: Batch, size: int) -> Array:
    return np.concatenate([session.run([wanted], batch)[0] for batch in _batches(feeds, size)])


def _batches(data: Batch, size: int) -> Iterator[dict[str, Array]]:
    for start in range(0, len(next(iter(data.values()))), size):
        yield {name: value[start : start + size] for name, value in data.items()}
