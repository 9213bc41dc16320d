# SPDX-License-Identifier: Apache-2.0
"""Match the membrane potentials of the spiking network to those of the ReLU network, per channel.

The errors of a code do not average out: small activations vanish, large ones saturate, and a ReLU turns noise into a
positive offset. Layer by layer, from the input on, with all layers before it already matched, each channel's potential
x becomes g (x + c), with the gain g and the offset c that give it the mean and deviation of the ReLU network.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping

import numpy as np

from snncc.analysis.activation_sites import activation_nodes
from snncc.analysis.channel_axis import broadcast_channels, channel_axis
from snncc.analysis.cpu_session import cpu_session
from snncc.coding import Coding
from snncc.coding.scales import PotentialCorrection
from snncc.execution.partial_run import PartialRun
from snncc.ir.graph import Graph, Tensor
from snncc.ir.nodes import is_neuron
from snncc.ops.arrays import Array
from snncc.passes.shared.readouts import output_potentials

__all__ = ["Batch", "batch_size", "match_potentials", "samples_held", "samples_that_fit"]

log = logging.getLogger("snncc")

Batch = Mapping[str, Array]
Moments = tuple[Array, Array]  # mean and standard deviation of each channel, broadcasting to the tensor

_BATCH = 32
_MEMORY = 2**29  # bytes of activations that may be held at a time
_HELD = 2**31  # bytes of a spiking network's potentials over all time steps
_HELD_AT_MOST = 2**33  # bytes, where fewer samples would not make a mean
_LAYERS = 4  # whose potentials are held at a time
_FEWEST = 8  # samples that still make a mean
_MOST = 512  # more samples no longer change the means
_ROUNDING = 1e-6  # relative to the mean: deviation 0 in float32 rounding
_GAINS = (0.5, 2.0)  # a channel that needs more has hardly any signal left


def batch_size(graph: Graph) -> int:
    """Samples per run: the fixed batch size of the network if it has one."""
    fixed = (graph.shape(graph.inputs[0]) or (None,))[0]
    return fixed if isinstance(fixed, int) else _BATCH


def samples_that_fit(graph: Graph) -> int:
    """The number of samples whose activations fit into memory: at least one batch, in whole batches."""
    size = 0
    for relu in activation_nodes(graph):
        shape = graph.shape(relu.outputs[0]) or ()
        size += int(np.prod([d if isinstance(d, int) else 1 for d in shape[1:]])) * 4
    batch = batch_size(graph)
    return max(1, int(np.clip(_MEMORY // max(size, 1), _BATCH, _MOST)) // batch) * batch


def match_potentials(reference: Graph, spiking: Graph, data: Batch, coding: Coding) -> dict[str, PotentialCorrection]:
    """The correction of each potential of `spiking`, by tensor.

    Args:
        reference: The normalised ReLU network.
        spiking: The same after lowering; potentials have the same names.
        data: Samples {input: [n, …]}.
        coding: Of `spiking`: the mean over its time steps is matched, or the last slice.
    """
    size = batch_size(spiking)
    sample = _bytes_per_sample(reference, coding)
    least = min(_FEWEST, len(next(iter(data.values()))))
    most = max(_HELD // sample, min(least, _HELD_AT_MOST // sample))
    if most < least:
        needed = f"{coding.slices} time steps of {least} samples take {least * sample / 2**30:.0f} GB"
        log.warning("potentials are not matched: %s. Fewer time steps take less", needed)
        return {}
    data = _fewer(data, most, size)
    wanted, axes = _moments_of(reference, data, size)
    neurons = [n for n in spiking.nodes() if is_neuron(n)]
    last_ones = [t for t in output_potentials(spiking) if t.name in wanted]
    asked = [n.inputs[0].name for n in neurons] + [t.name for t in last_ones]
    network = PartialRun(spiking, data, max(1, size // coding.slices) if size == _BATCH else size, asked)
    found: dict[str, PotentialCorrection] = {}
    for node in neurons:
        source = node.inputs[0]
        potential = network.values(source.name)
        if source.name in wanted:
            have = _moments_over([coding.decoded(part) for part in potential], axes[source.name])
            found[source.name] = correction = _correction(wanted[source.name], have)
            potential = [(correction.gain * (x + correction.offset)).astype(x.dtype) for x in potential]
            network.override(source.name, potential)  # all other users read the corrected potential, too
        network.override(node.outputs[0].name, network.run_neuron(node, potential))
        network.release(source.name)
    for last in last_ones:
        if last.name not in found:
            have = _moments_over(network.values(last.name), axes[last.name])
            found[last.name] = _correction(wanted[last.name], have)
    return found


def samples_held(graph: Graph, data: Batch, coding: Coding) -> Batch:
    """The first samples of `data`, as many as fit into memory with the potentials of all time steps."""
    sample = _bytes_per_sample(graph, coding)
    least = min(_FEWEST, len(next(iter(data.values()))))
    return _fewer(data, max(_HELD // sample, least), batch_size(graph))


def _bytes_per_sample(graph: Graph, coding: Coding) -> int:
    """Bytes that the potentials of a sample take: of a few layers at a time, at all time steps."""
    nodes = activation_nodes(graph) or [n for n in graph.nodes() if is_neuron(n)]
    sizes = [graph.shape(n.inputs[0]) or () for n in nodes]
    largest = max((int(np.prod([d for d in s[1:] if isinstance(d, int)])) for s in sizes), default=1)
    return _LAYERS * 4 * largest * coding.slices


def _fewer(data: Batch, most: int, batch: int) -> Batch:
    """At most `most` samples, in whole batches where their size is fixed."""
    most = max(batch, most // batch * batch) if batch != _BATCH else most
    return {name: value[:most] for name, value in data.items()}


def _moments_of(graph: Graph, data: Batch, size: int) -> tuple[dict[str, Moments], dict[str, int | None]]:
    """(Moments of every potential in the ReLU network, the axes of their channels); memory holds one batch."""
    found = [n.inputs[0] for n in activation_nodes(graph)] + output_potentials(graph)
    tensors = {t.name: t for t in found if graph.producer(t) is not None}
    if not tensors:
        return {}, {}
    channels: dict[int, int] = {}
    axes = {name: _axis(graph, tensor, channels) for name, tensor in tensors.items()}
    session = cpu_session(graph.to_proto(), list(tensors))
    sums: dict[str, _Sums] = {name: _Sums() for name in tensors}
    for batch in _batches(data, size):
        for name, value in zip(tensors, session.run(list(tensors), batch), strict=True):
            sums[name].add(value, axes[name])
    return {name: total.moments() for name, total in sums.items()}, axes


def _moments_over(values: list[Array], axis: int | None) -> Moments:
    sums = _Sums()
    for value in values:
        sums.add(value, axis)
    return sums.moments()


def _axis(graph: Graph, tensor: Tensor, channels: dict[int, int]) -> int | None:
    """The channel axis; in rank 2 each neuron is its own channel, unless their number is open."""
    shape = graph.shape(tensor) or ()
    if len(shape) == 2:
        return 1 if isinstance(shape[1], int) else None
    return channel_axis(graph, tensor, channels)


class _Sums:
    """Mean and deviation of each channel, batch by batch."""

    def __init__(self) -> None:
        self._mean: Array | float = 0.0
        self._square: Array | float = 0.0
        self._count = 0

    def add(self, value: Array, axis: int | None) -> None:
        """Add one batch."""
        others = tuple(a for a in range(value.ndim) if a != axis)
        mean, deviation = value.mean(axis=others, dtype=np.float64), value.std(axis=others, dtype=np.float64)
        mean, deviation = (broadcast_channels(part, axis, value.ndim) for part in (mean, deviation))
        self._count += len(value)
        share = len(value) / self._count
        self._mean = self._mean + share * (mean - self._mean)
        self._square = self._square + share * (deviation**2 + mean**2 - self._square)

    def moments(self) -> Moments:
        """(Mean, standard deviation)."""
        return np.asarray(self._mean), np.sqrt(np.maximum(self._square - self._mean**2, 0))


def _correction(wanted: Moments, found: Moments) -> PotentialCorrection:
    """The correction of potentials; channels that are constant, except for rounding, have no gain."""
    alive = (found[1] > 0) & (wanted[1] > _ROUNDING * np.abs(wanted[0]))
    gain = np.clip(np.where(alive, wanted[1] / np.where(alive, found[1], 1), 1.0), *_GAINS)
    return PotentialCorrection(gain, wanted[0] / gain - found[0])


def _batches(data: Batch, size: int) -> Iterator[dict[str, Array]]:
    for start in range(0, len(next(iter(data.values()))), size):
        yield {name: value[start : start + size] for name, value in data.items()}
