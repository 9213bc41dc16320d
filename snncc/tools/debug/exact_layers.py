# SPDX-License-Identifier: Apache-2.0
"""A spiking network in which each layer of neurons can be replaced by the exact activations of the ReLU network.

After each layer there is an If: it passes on the output of the neurons, or the exact values at every time step. One
model in one session therefore gives the output of each layer for exact inputs, and the network's output if one layer is
exact.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper

from snncc.analysis.network_view import Network
from snncc.errors import UnsupportedShapeError
from snncc.ir.nodes import label
from snncc.ir.proto_builder import Builder
from snncc.ops.arrays import Array

__all__ = ["ExactLayers"]


class ExactLayers:
    """`model` is the network with switches for exact layers.

    Args:
        folded: The spiking network, all time steps in one pass.
        network: The same, for one sample.
        units: The value in the ReLU network of 1 in the output of a neuron, by its node; those that it does not
            name code what they are given, and are exact where they pass that on.
        kind: Element type of activations.
    """

    def __init__(
        self, folded: onnx.ModelProto, network: Network, units: Mapping[str, Array], kind: np.dtype[Any]
    ) -> None:
        self.model = onnx.ModelProto()
        self.model.CopyFrom(folded)
        self.neurons = network.neurons
        self._network, self._units, self._kind = network, units, kind
        self._build = Builder(self.model)
        self._switch = [self._build.fresh(f"{label(n)}_switch") for n in self.neurons]
        self._exact = {n.name: self._build.fresh(f"{label(n)}_exact") for n in self.neurons if n.name in units}
        self._sent: list[str] = []
        self._given: dict[str, str] = {}
        self._install()

    def run(self, session: Any, batch: Mapping[str, Array], exact: Mapping[str, Array], on: Collection[int]) -> Array:
        """The network's first output with exact layers at the positions `on`."""
        found: list[Array] = session.run([self._network.outputs[0]], self._feeds(batch, exact, on))
        return found[0]

    def layers(
        self, session: Any, batch: Mapping[str, Array], exact: Mapping[str, Array], on: Collection[int]
    ) -> tuple[Array, list[Array], dict[str, Array]]:
        """(First output, outputs of the layers, inputs of the layers without a unit), decoded, in units of the ANN."""
        names = [self._network.outputs[0], *self._sent, *self._given.values()]
        out, *found = session.run(names, self._feeds(batch, exact, on))
        sent = [
            value.astype(np.float64) * self._units.get(node.name, 1.0)
            for node, value in zip(self.neurons, found, strict=False)
        ]
        return out, sent, dict(zip(self._given, found[len(sent) :], strict=True))

    def _feeds(self, batch: Mapping[str, Array], exact: Mapping[str, Array], on: Collection[int]) -> dict[str, Array]:
        switches = {name: np.array(place in on) for place, name in enumerate(self._switch)}
        values = {t: (exact[n] / self._units[n]).astype(self._kind) for n, t in self._exact.items()}
        return {**batch, **switches, **values}

    def _install(self) -> None:
        places = {n.output[0]: place for place, n in enumerate(self.neurons)}
        nodes = list(self.model.graph.node)
        del self.model.graph.node[:]
        for node in nodes:
            self.model.graph.node.append(node)
            if node.output[0] in places:
                self._behind(self.model.graph.node[-1], places[node.output[0]])

    def _behind(self, node: onnx.NodeProto, place: int) -> None:
        """Insert the switch after a layer, and output the decoded spikes of the layer."""
        tensor, build, fold = str(node.output[0]), self._build, self._network.fold
        shape = self._network.shape(tensor)
        if shape[:1] != (1,):
            message = f"'{label(node)}' has the shape {list(shape)} for one sample, so its first axis is no batch"
            raise UnsupportedShapeError(f"{message}. Its values cannot be compared per sample.")
        node.output[0] = sent = build.fresh(f"{tensor}_sent")
        if node.name in self._exact:
            kind = helper.np_dtype_to_tensor_dtype(self._kind)
            exact = self._exact[node.name]
            self.model.graph.input.append(helper.make_tensor_value_info(exact, kind, ["N", *shape[1:]]))
            stacked = bool(fold.kind_of(tensor))
        else:
            exact = str(node.input[0])
            stacked = fold.kind_of(tensor) != fold.kind_of(exact)
            self._given[node.name] = self._decoded(exact, shape)
        steps = build.ints(fold.count, *[1] * (len(shape) - 1)) if stacked else None
        switch = self._switch[place]
        self.model.graph.input.append(helper.make_tensor_value_info(switch, TensorProto.BOOL, []))
        branches = {
            "then_branch": _passing(exact, f"{switch}_on", steps),
            "else_branch": _passing(sent, f"{switch}_off"),
        }
        self.model.graph.node.append(helper.make_node("If", [switch], [tensor], name=switch, **branches))
        self._sent.append(self._decoded(sent, shape, like=tensor))

    def _decoded(self, tensor: str, shape: tuple[int, ...], like: str | None = None) -> str:
        """An output with the values of `tensor`, stacked as `like` is, without stacks."""
        build, fold = self._build, self._network.fold
        kind, value = fold.kind_of(like or tensor), build.node("Identity", [tensor], f"{tensor}_plain")
        if kind:
            parts = build.node("Reshape", [value, build.ints(fold.count, -1, *shape[1:])], f"{tensor}_parts")
            if kind == "steps":
                total = build.node("ReduceSum", [parts, build.ints(0)], f"{tensor}_sum", keepdims=0)
                share = build.constant(f"{tensor}_share", np.array(1 / fold.count, self._kind))
                value = build.node("Mul", [total, share], f"{tensor}_mean")
            else:
                last = build.constant(f"{tensor}_last_index", np.array(fold.count - 1, np.int64))
                value = build.node("Gather", [parts, last], f"{tensor}_last", axis=0)
        self.model.graph.output.append(onnx.ValueInfoProto(name=value))
        return value


def _passing(tensor: str, name: str, repeats: str | None = None) -> onnx.GraphProto:
    """A branch that returns this many copies of `tensor`, which is computed outside."""
    node = helper.make_node("Tile" if repeats else "Identity", [tensor, repeats] if repeats else [tensor], [name])
    return helper.make_graph([node], name, [], [onnx.ValueInfoProto(name=name)])
