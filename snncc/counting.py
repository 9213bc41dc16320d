# SPDX-License-Identifier: Apache-2.0
"""Counts every spike: a copy of the network that also gives, for each neuron, how often it fired.

The neurons' optional output `count` is added up over the batch inside the graph, so that a layer hands out one array
of the shape of a single sample, whatever the batch; the most spikes that any of them sent come with it. Max pools
that let one spike of a window pass are counted likewise, by what comes out of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

from snncc.errors import UnsupportedShapeError
from snncc.network import Network, label

__all__ = ["LayerSpikes", "SpikeCounter"]

Array = npt.NDArray[Any]


@dataclass(frozen=True, eq=False)
class LayerSpikes:
    """What one layer of neurons fired.

    Attributes:
        name: the neuron's node.
        tensor: its spikes, as the rest of the graph reads them.
        encoder: whether it codes the network's input.
        spikes: spikes of each neuron, mean over the samples, of the layer's shape at a batch of one.
        peak: the most spikes that any of its neurons sent in any sample.
    """

    name: str
    tensor: str
    encoder: bool
    spikes: npt.NDArray[np.float64]
    peak: int

    @property
    def neurons(self) -> int:
        """Number of neurons."""
        return int(self.spikes.size)

    @property
    def total(self) -> float:
        """Spikes of the whole layer for one sample, mean over the samples."""
        return float(self.spikes.sum())


class SpikeCounter:
    """An instrumented copy of a spiking network, and the sums of what it counts.

    Run `model` and hand the outputs called `names` to `add`; all outputs of the network itself are still there.
    """

    def __init__(self, model: onnx.ModelProto, network: Network) -> None:
        self.model = onnx.ModelProto()
        self.model.CopyFrom(model)
        self._encoders = {n.output[0] for n in network.encoders}
        self._outputs: dict[str, tuple[str, str, str]] = {}
        self._sums: dict[str, npt.NDArray[np.int64]] = {}
        self._peaks: dict[str, int] = {}
        self.samples = 0
        names = {name for n in model.graph.node for name in (*n.input, *n.output)}
        names |= {t.name for t in model.graph.initializer}
        axis = _fresh("batch_axis", names)
        self.model.graph.initializer.append(numpy_helper.from_array(np.array([0], np.int64), axis))
        tensors = {n.output[0] for n in network.neurons}
        self._gates = {n.output[0] for n in network.gates}
        for node in [n for n in self.model.graph.node if n.output[0] in tensors | self._gates]:
            shape = network.shape(node.output[0])
            if shape[:1] != (1,):
                message = f"'{label(node)}' has the shape {list(shape)} for one sample, so its first axis is no batch"
                raise UnsupportedShapeError(f"{message}. Its spikes cannot be counted per sample.")
            self._instrument(node, shape, axis, names)

    def _instrument(self, node: onnx.NodeProto, shape: tuple[int, ...], axis: str, names: set[str]) -> None:
        tensor = node.output[0]
        count = self._passing(tensor, names) if tensor in self._gates else self._fired(node, names)
        total, peak = _fresh(f"{tensor}_spikes", names), _fresh(f"{tensor}_peak", names)
        graph = self.model.graph
        graph.node.append(helper.make_node("ReduceSum", [count, axis], [total], name=total, keepdims=1))
        graph.node.append(helper.make_node("ReduceMax", [count], [peak], name=peak, keepdims=0))
        graph.output.append(helper.make_tensor_value_info(total, TensorProto.INT32, shape))
        graph.output.append(helper.make_tensor_value_info(peak, TensorProto.INT32, ()))
        self._outputs[tensor] = (label(node), total, peak)

    def _fired(self, node: onnx.NodeProto, names: set[str]) -> str:
        """The output of a neuron that says how often it fired."""
        tensor = node.output[0]
        count = node.output[1] if len(node.output) > 1 and node.output[1] else _fresh(f"{tensor}_count", names)
        del node.output[1:]
        node.output.append(count)
        return count

    def _passing(self, tensor: str, names: set[str]) -> str:
        """1 where a value behind a max pool is a spike's, 0 where none came."""
        some, count = _fresh(f"{tensor}_some", names), _fresh(f"{tensor}_count", names)
        self.model.graph.node.append(helper.make_node("Cast", [tensor], [some], name=some, to=TensorProto.BOOL))
        self.model.graph.node.append(helper.make_node("Cast", [some], [count], name=count, to=TensorProto.INT32))
        return count

    @property
    def names(self) -> list[str]:
        """The outputs of `model` that carry counts."""
        return [name for _, total, peak in self._outputs.values() for name in (total, peak)]

    def add(self, outputs: Mapping[str, Array], samples: int) -> None:
        """Take in the counts of a batch of `samples` samples."""
        self.samples += samples
        for tensor, (_, total, peak) in self._outputs.items():
            self._sums[tensor] = self._sums.get(tensor, 0) + outputs[total].astype(np.int64)
            self._peaks[tensor] = max(self._peaks.get(tensor, 0), int(outputs[peak]))

    def layers(self) -> list[LayerSpikes]:
        """The counts so far, layer by layer, in the order of the graph; at least one batch must have been added."""
        return [
            LayerSpikes(name, tensor, tensor in self._encoders, self._sums[tensor] / self.samples, self._peaks[tensor])
            for tensor, (name, _, _) in self._outputs.items()
            if tensor not in self._gates
        ]

    def passed(self) -> dict[str, npt.NDArray[np.float64]]:
        """Spikes that came out of each max pool, by its output; of the pool's shape, mean over the samples."""
        return {tensor: self._sums[tensor] / self.samples for tensor in self._gates}


def _fresh(name: str, taken: set[str]) -> str:
    """A name like `name` that nothing has yet; it is taken from then on."""
    while name in taken:
        name += "_"
    taken.add(name)
    return name
