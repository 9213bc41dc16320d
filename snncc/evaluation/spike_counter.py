# SPDX-License-Identifier: Apache-2.0
"""Count spikes: a copy of the network with the spike count of each neuron as additional outputs.

The neurons' optional output `count` is summed over the batch inside the graph, so that a layer returns one array of the
shape of a single sample, for any batch size, and the maximum number of spikes. Where the batch axis stacks time steps,
those of a sample are summed, and a layer also returns its spikes at each step; for neurons that send values, spikes per
step are counted on request. With slices, whose counts are cumulative, the last one is complete. Max pools that pass
only some spikes are counted in the same way, at their output. Gates of recurrent layers are counted over the whole
sequence.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto

from snncc.analysis.network_view import Network
from snncc.errors import UnsupportedShapeError
from snncc.evaluation.phase_counter import StepCounts, phase_counts
from snncc.evaluation.recurrent_costs import expose_counts
from snncc.ir.function_bodies import attach_bodies
from snncc.ir.nodes import attributes_of, is_neuron, label
from snncc.ir.proto_builder import Builder
from snncc.ops import get
from snncc.ops.arrays import Array

__all__ = ["LayerSpikes", "LayerTotal", "SpikeCounter"]


@dataclass(frozen=True, kw_only=True, eq=False)
class LayerTotal:
    """Spikes of one layer of neurons.

    Attributes:
        name: the neuron's node.
        tensor: its output tensor in the graph.
        encoder: whether it codes the network's input.
        neurons: number of neurons.
        total: spikes of the whole layer for one sample, mean over the samples.
        peak: maximum number of spikes of any of its neurons in any sample.
        per_step: spikes of the whole layer at each time step, mean over the samples, [T]; None if not counted.
        gate: whether it is a gate of a recurrent layer, whose neurons fire again at each step of the sequence.
        spike_bits: bits that a spike carries for its level and sign.
    """

    name: str
    tensor: str
    encoder: bool
    neurons: int
    total: float
    peak: int
    per_step: npt.NDArray[np.float64] | None = None
    gate: bool = False
    spike_bits: int = 0

    @property
    def share_per_step(self) -> list[float] | None:
        """The share of the neurons that fire at each time step; None if not counted."""
        return None if self.per_step is None else (self.per_step / max(self.neurons, 1)).tolist()


@dataclass(frozen=True, kw_only=True, eq=False)
class LayerSpikes(LayerTotal):
    """Spikes per neuron of a layer: `spikes`, mean over the samples, in the layer's shape at a batch of one."""

    spikes: npt.NDArray[np.float64]


@dataclass
class _Counted:
    """A layer of neurons, or a gate: its name, the outputs that count it, and their sums so far."""

    name: str
    total: str
    peak: str
    steps: list[StepCounts]
    spikes: npt.NDArray[np.int64] | int = 0
    most: int = 0
    per_step: npt.NDArray[np.int64] | int = 0
    gate: bool = False
    spike_bits: int = 0

    @property
    def outputs(self) -> list[str]:
        return [self.total, self.peak, *(steps.output for steps in self.steps)]


class SpikeCounter:
    """An instrumented copy of a spiking network, and the sums of its counts.

    Run `model` and hand the outputs called `names` to `add`; all outputs of the network itself are still there.
    `folded` names, by neuron, the tensor of its counts [T, N, …] (T = 1 for values), for further counters.
    With `phases`, neurons that send values are counted step by step as well, which takes some time.
    """

    def __init__(self, model: onnx.ModelProto, network: Network, *, phases: bool = False) -> None:
        self.model = onnx.ModelProto()
        self.model.CopyFrom(model)
        self.build = Builder(self.model)
        self.folded: dict[str, str] = {}
        self.samples = 0
        self._network = network
        self._encoders = {n.output[0] for n in network.encoders}
        self._counted: dict[str, _Counted] = {}
        tensors = {n.output[0] for n in network.neurons}
        self._gates = {n.output[0] for n in network.spike_gating_pools}
        for node in [n for n in self.model.graph.node if n.output[0] in tensors | self._gates]:
            shape = network.shape(node.output[0])
            rows = () if shape[:1] == (1,) else shape[:1]
            if rows and not network.sends_differences:  # whose rows were tested at the conversion
                message = f"'{label(node)}' has the shape {list(shape)} for one sample, so its first axis is no batch"
                raise UnsupportedShapeError(f"{message}. Its spikes cannot be counted per sample.")
            count = self._passing(node.output[0], shape) if node.output[0] in self._gates else self._fired(node)
            self._instrument(node, node.output[0], count, (*rows, *shape[1:]), network.fold.kind_of(node.output[0]))
            if phases and node.output[0] in tensors and network.fold.kind_of(node.output[0]) != "steps":
                self._counted[node.output[0]].steps = phase_counts(self.build, node, network)
        for scan, gate, count in expose_counts(self.model, self.build):
            units = network.shape(scan.output[0])[1:]
            self._instrument(gate, gate.output[0], count, units, network.fold.kind_of(scan.output[0]), gate=True)
        if phases:  # twins have other tables
            attach_bodies(self.model)

    def _instrument(
        self, node: onnx.NodeProto, tensor: str, count: str, sample: tuple[int, ...], kind: str, *, gate: bool = False
    ) -> None:
        build, fold = self.build, self._network.fold
        steps = fold.count if kind else 1
        folded = build.node("Reshape", [count, build.ints(steps, -1, *sample)], f"{tensor}_folded")
        if kind == "slices":
            folded = build.node("Slice", [folded, build.ints(-1), build.ints(steps), build.ints(0)], f"{tensor}_last")
        self.folded[tensor] = folded
        each = build.node("ReduceSum", [folded, build.ints(0)], f"{tensor}_each", keepdims=0)
        total = build.node("ReduceSum", [each, build.ints(0)], f"{tensor}_spikes", keepdims=1)
        peak = build.node("ReduceMax", [each], f"{tensor}_peak", keepdims=0)
        build.output(total, TensorProto.INT32, (1, *sample))
        build.output(peak, TensorProto.INT32, ())
        found = []
        if kind == "steps":
            flat = build.node("Reshape", [folded, build.ints(steps, -1)], f"{tensor}_flat")
            found = [StepCounts(build.node("ReduceSum", [flat, build.ints(1)], f"{tensor}_steps", keepdims=0))]
            build.output(found[0].output, TensorProto.INT32, (steps,))
        bits = get(node.op_type).spike_bits(attributes_of(node)) if is_neuron(node) else 0
        self._counted[tensor] = _Counted(label(node), total, peak, found, gate=gate, spike_bits=bits)

    def _fired(self, node: onnx.NodeProto) -> str:
        """The output of a neuron with its spike count."""
        at: int = [p.name for p in get(node.op_type).outputs].index("count")
        node.output.extend([""] * (at + 1 - len(node.output)))
        count = node.output[at] or self.build.fresh(f"{node.output[0]}_count")
        node.output[at] = count
        return count

    def _passing(self, tensor: str, shape: tuple[int, ...]) -> str:
        """1 where a value after a max pool is a spike's, or differs from that of the step before; else 0."""
        if self._network.sends_differences:
            return self._changing(tensor, shape)
        some = self.build.node("Cast", [tensor], f"{tensor}_some", to=TensorProto.BOOL)
        return self.build.node("Cast", [some], f"{tensor}_count", to=TensorProto.INT32)

    def _changing(self, tensor: str, shape: tuple[int, ...]) -> str:
        """1 where a value differs from that of the step before, or from 0 in the first step."""
        build = self.build
        steps = build.node(
            "Reshape", [tensor, build.ints(self._network.fold.count, -1, *shape[1:])], f"{tensor}_by_step"
        )
        first = build.node("Slice", [steps, build.ints(0), build.ints(1), build.ints(0)], f"{tensor}_first")
        none = build.node("Sub", [first, first], f"{tensor}_none")
        before = build.node("Slice", [steps, build.ints(0), build.ints(-1), build.ints(0)], f"{tensor}_but_last")
        before = build.node("Concat", [none, before], f"{tensor}_before", axis=0)
        same = build.node("Equal", [steps, before], f"{tensor}_same")
        changed = build.node("Not", [same], f"{tensor}_changed")
        return build.node("Cast", [changed], f"{tensor}_count", to=TensorProto.INT32)

    @property
    def names(self) -> list[str]:
        """The outputs of `model` that carry counts."""
        return [name for counted in self._counted.values() for name in counted.outputs]

    def add(self, outputs: Mapping[str, Array], samples: int) -> None:
        """Add the counts of a batch of `samples` samples."""
        self.samples += samples
        for counted in self._counted.values():
            counted.spikes = counted.spikes + outputs[counted.total].astype(np.int64)
            counted.most = max(counted.most, int(outputs[counted.peak]))
            for steps in counted.steps:
                counted.per_step = counted.per_step + steps.read(outputs[steps.output])

    def layers(self, *, sums: bool = False) -> list[LayerSpikes]:
        """The counts so far, layer by layer, in the order of the graph; at least one batch must have been added.

        With `sums`, they are not means over the samples, but whole numbers.
        """
        samples = 1 if sums else self.samples
        found = []
        for tensor, c in self._counted.items():
            if tensor not in self._gates:
                spikes = np.asarray(c.spikes / samples)
                layer = LayerSpikes(
                    name=c.name,
                    tensor=tensor,
                    encoder=tensor in self._encoders,
                    neurons=int(spikes.size),
                    total=float(spikes.sum()),
                    spikes=spikes,
                    peak=c.most,
                    per_step=np.asarray(c.per_step / samples) if c.steps else None,
                    gate=c.gate,
                    spike_bits=c.spike_bits,
                )
                found.append(layer)
        return found

    def pool_spikes(self, *, sums: bool = False) -> dict[str, npt.NDArray[np.float64]]:
        """Spikes in the output of each max pool, by output, in its shape; means or `sums` over the samples."""
        samples = 1 if sums else self.samples
        return {tensor: np.asarray(self._counted[tensor].spikes / samples) for tensor in self._gates}
