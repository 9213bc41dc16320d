# SPDX-License-Identifier: Apache-2.0
"""Observe the pre-activations of recurrent gates, by running the converted loops with exact gates."""

from __future__ import annotations

from dataclasses import dataclass

import onnx
from onnx import helper

from snncc.analysis.recurrent_layers import Side, unsupported_recurrent
from snncc.ir.graph import Graph, Node
from snncc.ir.op_sets import RECURRENT
from snncc.passes.lower.lower_recurrent import LowerRecurrent
from snncc.passes.lower.recurrent_body import Body, Gate, extent_of

__all__ = ["ExactGates", "watched_gates"]

_ENDS = ("ReduceMin", "ReduceMax")


@dataclass(frozen=True)
class ExactGates(LowerRecurrent):
    """LSTM, GRU, RNN -> Scan with exact activations as gates, which also outputs their value ranges."""

    def _gate(self, node: Node, side: Side) -> Gate:
        def gate(body: Body, activation: str, potential: str, _bound: float | None, name: str) -> str:
            for op in _ENDS:
                body.add(op, [potential], f"{extent_of(node.name, side.name, name)}/{op}", keepdims=0)
            return body.add(activation, [potential], name)

        return gate


def watched_gates(graph: Graph) -> tuple[Graph, dict[str, list[str]]]:
    """The network with loops for recurrent layers, and the minimum and maximum potential of each gate in each step.

    These are tensors of its graph, by `extent_of`; none where a layer cannot be converted.
    """
    nodes = graph.nodes(*RECURRENT)
    if not nodes or any(unsupported_recurrent(graph, node) for node in nodes):
        return graph, {}
    graph = graph.copy()
    ExactGates(0, 0, {}).run(graph)
    graph.infer_shapes()
    model = graph.to_proto()
    found: dict[str, list[str]] = {}
    for scan in [n for n in model.graph.node if n.op_type == "Scan"]:
        body: onnx.GraphProto = helper.get_attribute_value(next(a for a in scan.attribute if a.name == "body"))
        ends = [n.output[0] for n in body.node if n.op_type in _ENDS]
        for name in ends:
            body.output.append(onnx.ValueInfoProto(name=name))
            scan.output.append(f"{name}/steps")
            found.setdefault(name[len(body.name) + 1 :].rpartition("/")[0], []).append(scan.output[-1])
        for attribute in scan.attribute:
            if attribute.name == "scan_output_directions":
                attribute.ints.extend([attribute.ints[0]] * len(ends))
    return Graph.from_proto(model), found
