# SPDX-License-Identifier: Apache-2.0
"""Operations of recurrent layers and firing of their gates, for LSTM, GRU, RNN and converted Scans."""

from __future__ import annotations

from collections.abc import Iterator
from math import prod
from typing import TYPE_CHECKING

import onnx
from onnx import helper

from snncc.coding.fs_tables.neuron import NEVER
from snncc.ir.op_sets import RECURRENT
from snncc.ops import DOMAIN, get

if TYPE_CHECKING:
    from snncc.analysis.network_view import Network
    from snncc.ir.proto_builder import Builder

__all__ = ["expose_counts", "gates_of", "loop_macs", "loop_steps"]


def gates_of(node: onnx.NodeProto) -> list[onnx.NodeProto]:
    """The neurons within a Scan."""
    return [n for n in _body(node).node if n.domain == DOMAIN]


def loop_macs(network: Network, node: onnx.NodeProto) -> int:
    """Multiply-accumulates of a recurrent layer for one sample: its matrix products at all steps."""
    if node.op_type in RECURRENT:
        return int(network.shape(node.input[0])[0]) * sum(prod(network.shape(name)) for name in node.input[1:3])
    body = _body(node)
    weights = {w.name: prod(w.dims) for w in body.initializer}
    each = sum(weights[name] for n in body.node if n.op_type == "MatMul" for name in n.input if name in weights)
    return _length(network, node) * int(each)


def loop_steps(network: Network, node: onnx.NodeProto) -> int:
    """Time steps of the gates of a Scan for the whole sequence; dependent gates run one after the other."""
    depths: dict[str, int] = {}
    for inner in _body(node).node:
        here = max((depths.get(name, 0) for name in inner.input), default=0)
        if inner.domain == DOMAIN:
            here += sum(t < NEVER for a in inner.attribute if a.name == "thresholds" for t in a.floats)
        depths.update(dict.fromkeys(inner.output, here))
    return _length(network, node) * max(depths.values(), default=0)


def expose_counts(model: onnx.ModelProto, build: Builder) -> Iterator[tuple[onnx.NodeProto, onnx.NodeProto, str]]:
    """Extend every Scan in `model` by outputs with the spike counts of its gates.

    Yields (Scan, gate, tensor [N, units] of the gate's spikes over the whole sequence).
    """
    for scan in [n for n in model.graph.node if n.op_type == "Scan"]:
        body = _body(scan)
        for gate in gates_of(scan):
            at = [p.name for p in get(gate.op_type).outputs].index("count")
            gate.output.extend([""] * (at + 1 - len(gate.output)))
            gate.output[at] = f"{gate.output[0]}_count"
            # onnxruntime before 1.28 knows no shape of optional outputs, and wants one of what a Scan collects.
            body.output.append(helper.make_tensor_value_info(gate.output[at], onnx.TensorProto.INT32, (None, None)))
            each = build.fresh(f"{gate.output[0]}_counts")
            scan.output.append(each)
            for attribute in scan.attribute:
                if attribute.name == "scan_output_directions":
                    attribute.ints.append(attribute.ints[0])
            yield scan, gate, build.node("ReduceSum", [each, build.ints(0)], f"{each}_sum", keepdims=0)


def _body(node: onnx.NodeProto) -> onnx.GraphProto:
    body: onnx.GraphProto = helper.get_attribute_value(next(a for a in node.attribute if a.name == "body"))
    return body


def _length(network: Network, node: onnx.NodeProto) -> int:
    """How many steps a Scan makes: the length of the sequences that it reads."""
    count = next(a.i for a in node.attribute if a.name == "num_scan_inputs")
    return int(network.shape(node.input[len(node.input) - count])[0])
