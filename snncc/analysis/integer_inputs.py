# SPDX-License-Identifier: Apache-2.0
"""Integer inputs: token ids, masks, lengths and images, and the ops on them before the first activations.

Integers that depend only on such inputs and on shapes stay integers. The first floating-point values computed from
them, usually rows of an embedding, are analog values like those of an input: the network's sources.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from snncc.ir.graph import Graph, Node, Tensor
from snncc.ir.op_sets import RECURRENT, SHAPE_OPS

__all__ = ["activation_sources", "id_ranges", "integer_tensors", "is_integer"]

_LENGTHS = 4  # of the samples: this input of a recurrent node
_FEWEST = 2  # ids that an input has at least


def is_integer(tensor: Tensor) -> bool:
    """Whether `tensor` has integer or boolean type."""
    return tensor.dtype is not None and np.dtype(tensor.dtype).kind in "iub"


def activation_sources(graph: Graph) -> list[Tensor]:
    """The sources of activations: floating-point inputs, and the results of look-ups by integer inputs."""
    looked_up = [t for node, valued in _side_nodes(graph) if valued for t in node.outputs if not is_integer(t)]
    return [*(t for t in graph.inputs if not is_integer(t) and not _only_cast(graph, t)), *looked_up]


def integer_tensors(graph: Graph) -> set[int]:
    """The ids of the tensors, sources included, that are computed from integer inputs and shapes alone."""
    return {id(t) for node, _ in _side_nodes(graph) for t in node.outputs}


def _side_nodes(graph: Graph) -> list[tuple[Node, bool]]:
    """The nodes without other inputs, and whether the values (not just the shapes) of integer inputs affect them."""
    known = {id(t): True for t in graph.inputs if is_integer(t) or _only_cast(graph, t)}
    found = []
    for node in graph.nodes():
        read = [t for t in graph.reads(node) if graph.value(t) is None]
        if node.op not in SHAPE_OPS and not all(id(t) in known for t in read):
            continue
        valued = node.op not in SHAPE_OPS and any(known[id(t)] for t in read)
        found.append((node, valued))
        known.update({id(t): valued for t in node.outputs if not valued or is_integer(t)})
    return found


def _only_cast(graph: Graph, tensor: Tensor) -> bool:
    """Whether the network only casts an input to another type, which is then the relevant one."""
    users = graph.users(tensor)
    return bool(users) and all(u.op == "Cast" and u.outputs[0].dtype != tensor.dtype for u in users)


def id_ranges(graph: Graph, open_axis: int) -> Mapping[str, int]:
    """The number of valid ids, from 0 on, of each integer input: the rows of the tables that it indexes.

    Lengths of samples go up to the steps of the sequence, or to `open_axis` where those are not fixed.
    """
    ranges: dict[str, int] = {}
    for node in graph.nodes():
        if node.op == "Gather" and graph.value(node.inputs[0]) is not None:
            shape = graph.shape(node.inputs[0]) or (_FEWEST,)
            _limit(graph, node.inputs[1], int(str(shape[int(node.attrs.get("axis", 0))])), ranges)
        elif node.op in RECURRENT and len(node.inputs) > _LENGTHS:
            steps = (graph.shape(node.inputs[0]) or (None,))[0]
            _limit(graph, node.inputs[_LENGTHS], (steps if isinstance(steps, int) else open_axis) + 1, ranges)
    return {t.name: ranges.get(t.name, _usual(t)) for t in graph.inputs if is_integer(t) or _holds_ids(graph, t)}


def _holds_ids(graph: Graph, tensor: Tensor) -> bool:
    """Whether an input of floating-point numbers is cast to integers wherever it is read."""
    users = graph.users(tensor)
    return bool(users) and all(u.op == "Cast" and is_integer(u.outputs[0]) for u in users)


def _usual(tensor: Tensor) -> int:
    """The default number of values of an input: 256 for bytes, such as images; 2 for other integers."""
    return 256 if np.dtype(tensor.dtype) == np.uint8 else _FEWEST


def _limit(graph: Graph, tensor: Tensor, size: int, ranges: dict[str, int]) -> None:
    """Record that an input from which `tensor` derives by shape-only ops and casts must be below `size`."""
    while (node := graph.producer(tensor)) is not None and is_integer(tensor) and node.inputs:
        tensor = node.inputs[0]
    if any(tensor is t for t in graph.inputs):
        ranges[tensor.name] = min(size, ranges.get(tensor.name, size))
