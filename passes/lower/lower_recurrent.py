# SPDX-License-Identifier: Apache-2.0
"""LSTM, GRU, RNN -> Scan over few-spikes neurons, one Scan per direction.

The contribution of the input, W x + b, is computed for all steps at once, as an ordinary layer of synapses. The rest of
a step is the body of the Scan (`recurrent_body`). Its gates are FSNeurons in every coding: they code a value in one
call, and a step needs complete values.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
from onnx import TensorProto

from snncc.analysis.recurrent_layers import Layer, Side, layer_of
from snncc.ir.graph import Graph, Node, Tensor
from snncc.ir.op_sets import RECURRENT
from snncc.passes.base import NodePass
from snncc.passes.lower.recurrent_body import Body, Gate, extent_of, scan_body
from snncc.passes.lower.recurrent_gates import gate_tables, neuron

__all__ = ["LowerRecurrent"]


@dataclass(frozen=True)
class LowerRecurrent(NodePass):
    """LSTM, GRU, RNN -> Scan.

    Attributes:
        steps: Time steps K of a gate.
        length: Entries of a gate's tables; those beyond `steps` never fire.
        extents: (Lowest, highest) potential of gates, by `extent_of`, as far as calibration has seen them; and state of
            RNNs, by node, which is the scale of one whose activation is Relu.
    """

    name: ClassVar[str] = "lower-recurrent"
    ops: ClassVar[tuple[str, ...]] = tuple(sorted(RECURRENT))
    steps: int
    length: int
    extents: Mapping[str, tuple[float, float]] = field(repr=False)

    def match(self, graph: Graph, node: Node) -> Layer:
        """The layer that the node computes."""
        return layer_of(graph, node)

    def rewrite(self, graph: Graph, node: Node, match: Layer) -> None:
        """Replace it by a Scan per direction, and stack their outputs."""
        made = [self._side(graph, node, match, index, side) for index, side in enumerate(match.sides)]
        for index, old in enumerate(list(node.outputs)):
            if not old.name or not (graph.users(old) or graph.is_output(old)):
                continue
            axis = 1 if index == 0 else 0  # of the directions: [L, D, N, H], and of the last states [D, N, H]
            axes = graph.constant(f"{node.name}_direction_axis", np.array([axis], np.int64))
            parts = [graph.add("Unsqueeze", [m[index], axes], name=f"{node.name}_direction") for m in made]
            joined = parts[0]
            if len(parts) > 1:
                joined = graph.add("Concat", parts, name=f"{node.name}_directions", attrs={"axis": axis})
            graph.replace_uses(old, joined)
        graph.erase(node)

    def _side(self, graph: Graph, node: Node, layer: Layer, index: int, side: Side) -> list[Tensor]:
        """[Y, Y_h, Y_c] of one direction, without the axis of directions."""
        prefix = graph.fresh_prefix(f"{node.name}_{side.name}")
        current = _currents(graph, node.inputs[0], layer, side, prefix)
        starts = [
            _start(graph, node.inputs[0], t, layer.units, index, f"{prefix}_{s}_start")
            for s, t in zip(layer.states, layer.initial, strict=True)
        ]
        sequences = (
            [current] if layer.lengths is None else [current, _mask(graph, node.inputs[0], layer.lengths, prefix)]
        )
        body = scan_body(layer, side, self._gate(node, side), prefix, np.dtype(current.dtype))
        attrs: dict[str, Any] = {"body": body, "num_scan_inputs": len(sequences)}
        if side.backwards:
            attrs |= {"scan_input_directions": [1] * len(sequences), "scan_output_directions": [1]}
        ends = graph.add("Scan", [*starts, *sequences], name=f"{prefix}_steps", attrs=attrs, unused_outputs=len(starts))
        graph.set_role(ends, "recurrent")
        scan = graph.producer(ends)
        assert scan is not None
        for position in range(1, len(scan.outputs)):
            graph.use_output(scan, position, current.dtype, None).name = graph.fresh(f"{prefix}_out")
        return [scan.outputs[-1], *scan.outputs[:-1]]

    def _gate(self, node: Node, side: Side) -> Gate:
        """The function that makes the gates of one direction."""
        largest = self.extents.get(node.name, (0.0, 0.0))[1]

        def gate(body: Body, activation: str, potential: str, bound: float | None, name: str) -> str:
            extent = self.extents.get(extent_of(node.name, side.name, name))
            seen = None if extent is None else max(map(abs, extent))
            tables = gate_tables(activation, self.steps, self.length, bound, seen)
            return neuron(body, tables, potential, largest or 1.0 if activation == "Relu" else 1.0, name)

        return gate


def _currents(graph: Graph, x: Tensor, layer: Layer, side: Side, prefix: str) -> Tensor:
    """W x + b for all steps, [L, N, gates · units]; for a GRU's last gate the bias of R is added in the step."""
    weights = graph.constant(f"{prefix}_W", np.concatenate(list(side.W)).T)
    bias = side.Wb + side.Rb
    if layer.op == "GRU":
        bias[-1] = side.Wb[-1]
    current = graph.add("MatMul", [x, weights], name=f"{prefix}_input")
    return graph.add("Add", [current, graph.constant(f"{prefix}_bias", bias.reshape(-1))], name=f"{prefix}_current")


def _start(graph: Graph, x: Tensor, initial: Tensor | None, units: int, index: int, name: str) -> Tensor:
    """The state before the first step, [N, units]."""
    value = np.zeros((1, 1, 1), x.dtype) if initial is None else graph.value(initial)
    if value is None:
        at = graph.constant(f"{name}_direction", np.array(index, np.int64))
        return graph.add("Gather", [initial, at], name=name, attrs={"axis": 0})
    row = np.broadcast_to(value[index % len(value), :1], (1, units))
    shape = [_size(graph, x, 1, f"{name}_batch"), graph.constant(f"{name}_units", np.array([units], np.int64))]
    target = graph.add("Concat", shape, name=f"{name}_shape", attrs={"axis": 0})
    return graph.add("Expand", [graph.constant(f"{name}_row", row), target], name=name)


def _mask(graph: Graph, x: Tensor, lengths: Tensor, prefix: str) -> Tensor:
    """Which steps are within a sample's length, [L, N, 1]."""

    def constant(name: str, *values: int) -> Tensor:
        return graph.constant(f"{prefix}_{name}", np.array(values if len(values) > 1 else values[0], np.int64))

    steps = graph.add("Squeeze", [_size(graph, x, 0, f"{prefix}_length")], name=f"{prefix}_steps")
    numbers = graph.add("Range", [constant("first", 0), steps, constant("delta", 1)], name=f"{prefix}_numbers")
    numbers = graph.add("Unsqueeze", [numbers, constant("behind", 1, 2)], name=f"{prefix}_number")
    ends = graph.add("Cast", [lengths], name=f"{prefix}_ends", attrs={"to": int(TensorProto.INT64)})
    ends = graph.add("Unsqueeze", [ends, constant("around", 0, 2)], name=f"{prefix}_end")
    return graph.add("Less", [numbers, ends], name=f"{prefix}_mask")


def _size(graph: Graph, x: Tensor, axis: int, name: str) -> Tensor:
    """The size of an axis, [1]."""
    size = graph.add("Shape", [x], name=name, attrs={"start": axis, "end": axis + 1})
    size.dtype, size.shape = np.dtype(np.int64), (1,)
    return size
