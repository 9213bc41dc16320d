# SPDX-License-Identifier: Apache-2.0
"""Neuron(x + k r) -> ResidualNeuron(x, r, k): the neuron adds the shortcut's spikes itself.

The op names its variant with these inputs, such as ResidualOneSpikeNeuron of OneSpikeNeuron.

onnxruntime fuses Conv, Add and Relu of the ANN into one kernel; the fused neuron likewise saves the Add, and a Mul on
the shortcut.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from snncc.ir.graph import Graph, Node, Tensor
from snncc.ir.op_sets import SYNAPSES
from snncc.ops import DOMAIN, get
from snncc.ops.arrays import Array
from snncc.passes.base import NodePass, Skip
from snncc.passes.shared.scaling import constant_factor

__all__ = ["FuseResidual"]

Found = tuple[Tensor, Tensor, Array]


@dataclass(frozen=True)
class FuseResidual(NodePass):
    """Neuron(Add(x, Mul(r, k))) -> ResidualNeuron(x, r, k)."""

    name: ClassVar[str] = "fuse-residual"
    ops: ClassVar[tuple[str, ...]] = ()

    def match(self, graph: Graph, node: Node) -> Found | Skip | None:
        """(x, r, k), with the synapses' own current as x."""
        if node.domain != DOMAIN or not get(node.op).with_residual:
            return None
        total = graph.producer(node.inputs[0])
        if total is None or total.op != "Add":
            return None
        if graph.sole_user(total.outputs[0]) is not node:
            return Skip(f"the sum '{total.outputs[0].name}' has other users")
        first, second = total.inputs
        shapes = [graph.shape(t) for t in total.inputs]
        if any(graph.value(t) is not None for t in total.inputs) or None in shapes or shapes[0] != shapes[1]:
            return Skip("its summands differ in shape")
        if _from_synapse(graph, second) and not _from_synapse(graph, first):
            first, second = second, first
        return (first, *_weighted(graph, second))

    def rewrite(self, graph: Graph, node: Node, match: Found) -> None:
        """Put the fused neuron in place of the Add and the neuron."""
        current, residual, weight = match
        total = graph.producer(node.inputs[0])
        assert total is not None
        inputs = [current, node.inputs[1], residual, graph.constant(f"{node.name}_weight", weight.astype(np.float32))]
        name, spikes, tables, known = node.name, node.outputs[0], dict(node.attrs), graph.provenance(node)
        op = get(get(node.op).with_residual)
        graph.erase(node)
        graph.erase(total)
        fused = graph.add(op.name, inputs, name=name, attrs=tables, domain=DOMAIN, unused_outputs=len(op.outputs) - 1)
        if known.role is not None:
            graph.set_role(fused, known.role, known)
        graph.replace_uses(spikes, fused)


def _from_synapse(graph: Graph, tensor: Tensor) -> bool:
    producer = graph.producer(tensor)
    return producer is not None and producer.op in SYNAPSES


def _weighted(graph: Graph, tensor: Tensor) -> tuple[Tensor, Array]:
    """(r, k) of Mul(r, k), with k one value or one per channel; else the tensor itself and 1."""
    producer = graph.producer(tensor)
    found = constant_factor(graph, producer) if producer is not None else None
    if found is None or sum(d > 1 for d in found[1].shape) > 1:
        return tensor, np.ones(1)
    return found
