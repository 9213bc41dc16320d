# SPDX-License-Identifier: Apache-2.0
"""Find the batch axis in networks with recurrent layers, which use the layout [time, batch, features].

In all other networks the batch is on axis 0, and time steps are stacked there.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from snncc.ir.graph import Graph, Node, Shape, Tensor
from snncc.ir.op_sets import RECURRENT, REDUCTIONS, SHAPE_OPS

__all__ = ["batch_axes", "batch_axis_error", "input_axis", "nodes_off_batch_axis"]

_LENGTHS = 4  # of the samples: this input of a recurrent node
_STATE_RANK = 3
_OF_LAYERS = frozenset({"Gather", "Identity", "Slice", "Split", "Squeeze", "Unsqueeze"})
_FIRST = frozenset({"Conv", "ConvTranspose", "Gemm", "Flatten", "BatchNormalization", "MaxPool", "AveragePool"})


def batch_axes(graph: Graph) -> dict[int, int | None]:
    """The batch axis by id of each tensor that depends on the input's values; None where it is lost.

    Empty for a network without recurrent layers.
    """
    if not graph.nodes(*RECURRENT) and not any(graph.has_role(n, "recurrent") for n in graph.nodes("Scan")):
        return {}
    found: dict[int, int | None] = {id(t): input_axis(graph, t) for t in graph.inputs if graph.shape(t) != ()}
    for node in graph.nodes():
        carried = [t for t in graph.reads(node) if id(t) in found]
        if carried and node.op not in SHAPE_OPS:
            _place(graph, node, carried, found)
    return found


def input_axis(graph: Graph, tensor: Tensor) -> int:
    """The batch axis of an input: if its axis 0 is fixed, the axis with the symbol of axis 0 of other inputs.

    States of recurrent layers come as [layers, N, units], whatever N is called, or as [layers, 1, units].
    """
    shape = graph.shape(tensor) or ()
    if len(shape) == _STATE_RANK and shape[1] == 1 and _starts(graph, tensor):
        return 1
    others = [s[0] for t in graph.inputs if t is not tensor and (s := graph.shape(t))]
    opened = [d for d in others if not isinstance(d, int)]
    if not shape or not isinstance(shape[0], int) or not opened:
        return 0
    named = [a for a, d in enumerate(shape) if isinstance(d, str) and d in opened]
    return named[0] if named else int(len(shape) == 3 and not isinstance(shape[1], int))


def _starts(graph: Graph, tensor: Tensor) -> bool:
    """Whether `tensor`, or some of its layers, is the first state of a recurrent node."""
    for node in graph.users(tensor):
        if node.op in RECURRENT:
            if any(t is tensor for t in node.inputs[_LENGTHS + 1 :]):
                return True
        elif node.op in _OF_LAYERS and any(_starts(graph, t) for t in node.outputs):
            return True
    return False


def nodes_off_batch_axis(graph: Graph) -> dict[int, Node]:
    """The nodes, by id, with an input or output whose batch is not on axis 0, including recurrent ones."""
    axes = batch_axes(graph)
    nodes = (n for n in graph.nodes() if n.op not in SHAPE_OPS)
    return {id(n): n for n in nodes if any(axes.get(id(t)) not in (0, None) for t in (*graph.reads(n), *n.outputs))}


def batch_axis_error(node: Node, axes: dict[int, int | None]) -> str | None:
    """The error in the axes of a recurrent node's inputs, None if there is none."""
    for index, tensor in enumerate(node.inputs):
        wanted = 0 if index == _LENGTHS else 1
        if id(tensor) not in axes or axes[id(tensor)] == wanted:
            continue
        if axes[id(tensor)] is None:
            return f"which axis of '{tensor.name}' is the batch cannot be told; transpose it to [time, batch, features]"
        what = "the input" if not index else "a first state"
        place = f"with the batch on axis {axes[id(tensor)]}, not {wanted}"
        return f"takes {what} '{tensor.name}' {place}; export with batch_first"
    return None


def _place(graph: Graph, node: Node, carried: Sequence[Tensor], found: dict[int, int | None]) -> None:
    """Record the batch axes of the outputs of `node`."""
    if node.op in RECURRENT:
        found.update({id(t): 2 - bool(index) for index, t in enumerate(node.outputs)})
        return
    if graph.has_role(node, "recurrent"):  # of converted recurrent nodes: last states, then the state of each step
        states = len(node.inputs) - int(node.attrs["num_scan_inputs"])
        found.update({id(t): int(index >= states) for index, t in enumerate(node.outputs)})
        return
    source = next((t for t in carried if found[id(t)]), carried[0])
    axis = found[id(source)]
    before, after = (graph.shape(t) for t in (source, node.outputs[0]))
    if axis is None or before is None or after is None:
        place = None if axis is None or axis else 0
    elif node.op in _FIRST:
        place = 0 if axis == 0 else None
    else:
        place = _RULES.get(node.op, _aligned)(graph, node, axis, source, before, after)
    found.update({id(t): place for t in node.outputs})


_Rule = Callable[[Graph, Node, int, Tensor, Shape, Shape], int | None]


def _aligned(graph: Graph, node: Node, axis: int, source: Tensor, before: Shape, after: Shape) -> int | None:  # noqa: ARG001
    """The batch axis of a broadcasting op, whose shapes are aligned at their last axes."""
    return axis + len(after) - len(before)


def _transposed(graph: Graph, node: Node, axis: int, source: Tensor, before: Shape, after: Shape) -> int | None:  # noqa: ARG001
    return list(node.attrs.get("perm") or reversed(range(len(before)))).index(axis)


def _reshaped(graph: Graph, node: Node, axis: int, source: Tensor, before: Shape, after: Shape) -> int | None:  # noqa: ARG001
    """The batch axis after a Reshape: unchanged if the product of the axes before it is unchanged."""
    if list(before[:axis]) != list(after[:axis]) or len(after) <= axis:
        return None
    fixed = isinstance(before[axis], int) and isinstance(after[axis], int)
    return axis if not fixed or before[axis] == after[axis] else None


def _unsqueezed(graph: Graph, node: Node, axis: int, source: Tensor, before: Shape, after: Shape) -> int | None:  # noqa: ARG001
    new = _axes(graph, node, len(after))
    return [a for a in range(len(after)) if a not in new][axis]


def _reduced(graph: Graph, node: Node, axis: int, source: Tensor, before: Shape, after: Shape) -> int | None:  # noqa: ARG001
    """Squeeze and the reductions."""
    gone = _axes(graph, node, len(before))
    if axis in gone:
        return None
    return axis if len(after) == len(before) else axis - sum(a < axis for a in gone)


def _gathered(graph: Graph, node: Node, axis: int, source: Tensor, before: Shape, after: Shape) -> int | None:
    at = int(node.attrs.get("axis", 0))
    if source is node.inputs[1]:  # a table that is looked up
        return at % len(graph.shape(node.inputs[0]) or (0,)) + axis
    at %= len(before)
    if at == axis:
        return None
    return axis if axis < at else axis + len(after) - len(before)


def _axes(graph: Graph, node: Node, rank: int) -> set[int]:
    """The axes that a node names, by its second input or an attribute."""
    given = graph.value(node.inputs[1]) if len(node.inputs) > 1 and node.inputs[1].name else None
    named = node.attrs.get("axes") if given is None else given.reshape(-1).tolist()
    return {int(a) % rank for a in named} if named is not None else set(range(rank))


_RULES: dict[str, _Rule] = {
    "Transpose": _transposed,
    "Reshape": _reshaped,
    "Unsqueeze": _unsqueezed,
    "Gather": _gathered,
    **dict.fromkeys((*REDUCTIONS, "Squeeze"), _reduced),
}
