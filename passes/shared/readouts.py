# SPDX-License-Identifier: Apache-2.0
"""Find the last membrane potentials of a network, from which its outputs are read."""

from __future__ import annotations

import numpy as np

from snncc.analysis.activation_sites import is_signed
from snncc.analysis.analog_ops import endings
from snncc.analysis.integer_inputs import is_integer
from snncc.analysis.masks import is_mask, potentials_of
from snncc.analysis.time_axis import READERS
from snncc.coding import Coding
from snncc.coding.base import add_op
from snncc.ir.graph import Graph, Tensor
from snncc.ir.nodes import is_neuron
from snncc.ir.op_sets import MOVES, TAIL, WEIGHTED
from snncc.ops.temporal_sums import LAST_STEP, READOUT

__all__ = ["judged_outputs", "output_potentials", "read"]


def output_potentials(graph: Graph) -> list[Tensor]:
    """The potentials from which the outputs are read; excludes Softmax and similar ops, and outputs of neurons."""
    return [t for t in _real_outputs(graph) if _behind_synapse(graph, t) and not _read_inside(graph, t)]


def judged_outputs(graph: Graph) -> list[Tensor]:
    """What shows the error of the outputs: them, before Softmax and similar ops, be they potentials or not."""
    return _real_outputs(graph) or graph.outputs


def _real_outputs(graph: Graph) -> list[Tensor]:
    chosen = {id(t) for n in endings(graph) for t in n.outputs}  # by comparison, which no gain suits
    found = [t for out in graph.outputs for t in potentials_of(graph, out) if id(t) not in chosen]
    return [t for t in found if t.dtype is not None and np.dtype(t.dtype).kind == "f"]


def _behind_synapse(graph: Graph, tensor: Tensor) -> bool:
    """Whether synapses without a neuron after them compute `tensor`."""
    met: set[int] = set()
    pending = [tensor]
    while pending:
        node = graph.producer(pending.pop())
        if node is None or id(node) in met or node.op == "Relu" or is_signed(node):
            continue
        if node.op in WEIGHTED:
            return True
        met.add(id(node))
        if node.op in READERS:
            pending.append(node.inputs[0])
        elif not is_neuron(node):
            pending += graph.reads(node)
    return False


def _read_inside(graph: Graph, tensor: Tensor) -> bool:
    """Whether nodes other than those on the path to an output read `tensor`."""
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


def read(graph: Graph, coding: Coding, tensor: Tensor) -> Tensor:
    """The readout of `tensor` over all time steps, or its last slice; for integers, which are not summed, the last
    step.
    """
    shape = graph.shape(tensor)
    if coding.readout == "mean" and not is_integer(tensor):
        result = add_op(graph, READOUT.name, [tensor], {"steps": coding.slices}, f"{tensor.name}_readout")
    elif coding.rows_are_estimates and not is_integer(tensor):
        result = add_op(graph, LAST_STEP.name, [tensor], {"steps": coding.slices}, f"{tensor.name}_readout")
    else:
        result = _last_slice(graph, tensor, coding.slices)
    graph.set_role(result, "readout", graph.of_tensor(tensor))
    result.shape = None if shape is None else [None, *shape[1:]]
    return result


def _last_slice(graph: Graph, tensor: Tensor, slices: int) -> Tensor:
    """The last of `slices` slices; its number of rows is computed, since Split fails on an empty batch."""
    name, number = f"{tensor.name}_readout", np.dtype(np.int64)
    rows = graph.add("Shape", [tensor], name=f"{name}_rows", attrs={"start": 0, "end": 1}, role="readout")
    rows.dtype, rows.shape = number, (1,)
    count = graph.constant(f"{name}_slices", np.array([slices], np.int64))
    each = graph.add("Div", [rows, count], name=f"{name}_each")
    before = graph.add("Sub", [rows, each], name=f"{name}_before")
    sizes = graph.add("Concat", [before, each], name=f"{name}_sizes", attrs={"axis": 0})
    sizes.shape = (2,)
    first = graph.add("Split", [tensor, sizes], name=name, attrs={"axis": 0}, unused_outputs=1)
    first.shape = None
    node = graph.producer(first)
    assert node is not None
    last = graph.use_output(node, 1, tensor.dtype, None)
    last.name = graph.fresh(f"{name}_last")
    return last
