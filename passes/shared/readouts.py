# SPDX-License-Identifier: Apache-2.0
"""The last membrane potentials of a network: what its outputs are read from."""

from __future__ import annotations

import numpy as np

from snncc import ops
from snncc.analysis.activation_sites import sends_both_signs
from snncc.analysis.analog_ops import endings
from snncc.analysis.masks import is_mask, potentials_of
from snncc.analysis.time_axis import READERS
from snncc.ir.graph import Graph, Tensor
from snncc.ir.op_sets import MOVES, TAIL
from snncc.passes.shared.synapse import SYNAPSES

__all__ = ["readouts"]


def readouts(graph: Graph) -> list[Tensor]:
    """The potentials behind the outputs: Softmax and its like are not part of them, nor is what neurons send."""
    found = []
    chosen = {id(t) for n in endings(graph) for t in n.outputs}  # by comparison, which no gain suits
    for potential in (t for out in graph.outputs for t in potentials_of(graph, out)):
        if id(potential) in chosen:
            continue
        real = potential.dtype is not None and np.dtype(potential.dtype).kind == "f"
        if real and _behind_synapse(graph, potential) and not _read_inside(graph, potential):
            found.append(potential)
    return found


def _behind_synapse(graph: Graph, tensor: Tensor) -> bool:
    """Whether synapses, with no neuron behind them, make `tensor`."""
    met: set[int] = set()
    pending = [tensor]
    while pending:
        node = graph.producer(pending.pop())
        if node is None or id(node) in met or node.op == "Relu" or sends_both_signs(node):
            continue
        if node.op in (*SYNAPSES, "Aggregate"):
            return True
        met.add(id(node))
        if node.op in READERS:
            pending.append(node.inputs[0])
        elif not (node.domain == ops.DOMAIN and ops.get(node.op).neuron):
            pending += graph.reads(node)
    return False


def _read_inside(graph: Graph, tensor: Tensor) -> bool:
    """Whether anything but the way to an output reads `tensor`."""
    met: set[int] = set()
    pending = [tensor]
    while pending:
        for user in graph.users(pending.pop()):
            if not (user.op in (*TAIL, *MOVES, "Cast") or is_mask(graph, user)):
                return True
            if id(user) not in met:
                met.add(id(user))
                pending += user.outputs
    return False
