# SPDX-License-Identifier: Apache-2.0
"""Make shapes static: shape inputs computed from the batch size become constants with an open batch axis.

Reshape(x, shape computed from the batch size) -> Reshape(x, constant), and Expand in the same way; Resize(x, sizes) ->
Resize of all axes except the batch; Squeeze(x) -> Squeeze(x, axes), which keeps the batch axis, also of a single
sample. Rows may then be samples, or time steps of samples.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from snncc.analysis.cpu_session import ORT_ERRORS, cpu_session
from snncc.ir.graph import Graph, Node, Shape, Tensor
from snncc.ir.op_sets import SHAPE_OPS

__all__ = ["make_shapes_static"]

_ROI, _SCALES, _SIZES = 1, 2, 3  # inputs of Resize


def make_shapes_static(graph: Graph) -> None:
    """Make static every Reshape, Expand and Resize whose only unknown is the batch; then infer shapes again."""
    for node in graph.nodes("Squeeze"):
        _settle_squeeze(graph, node)
    nodes = [n for n in graph.nodes("Reshape", "Expand", "Resize") if graph.value(n.inputs[0]) is None]
    measured = _measured(graph, [n for n in nodes if not _known(graph, n)])
    for node in nodes:
        before, after = graph.shape(node.inputs[0]), measured.get(node.name) or graph.shape(node.outputs[0])
        if not before or not after:
            continue
        match node.op:
            case "Reshape":
                _settle_reshape(graph, node, before, after)
            case "Expand":
                _settle_expand(graph, node, before, after)
            case _:
                _settle_resize(graph, node, before, after)
    graph.cleanup()
    graph.infer_shapes()


def _settle_squeeze(graph: Graph, node: Node) -> None:
    """Set the axes explicitly to those that are always 1, where others may be 1 for some inputs."""
    shape = graph.shape(node.inputs[0])
    if not shape or len(node.inputs) > 1 or all(isinstance(d, int) for d in shape):
        return
    axes = [a for a, d in enumerate(shape) if d == 1]
    _forget_shapes(graph, node.outputs[0])
    if axes:
        node.inputs = [*node.inputs, graph.constant(f"{node.name}_axes", np.array(axes, np.int64))]
    else:
        graph.replace_uses(node.outputs[0], node.inputs[0])
    graph.infer_shapes()


def _forget_shapes(graph: Graph, changed: Tensor) -> None:
    """Remove declared shapes of outputs that depend on `changed`."""
    found = {id(changed)}
    for node in graph.nodes():
        if any(id(t) in found for t in graph.reads(node)):
            found.update(id(t) for t in node.outputs)
    for tensor in graph.outputs:
        if id(tensor) in found:
            tensor.shape = None


def _known(graph: Graph, node: Node) -> bool:
    """Whether shape inference knows all axes of the result but the batch, or nothing of it is computed."""
    if all(graph.value(t) is not None for t in node.inputs[1:] if t.name):
        return True
    shape = graph.shape(node.outputs[0])
    return bool(shape) and all(isinstance(d, int) for d in shape[1:])  # type: ignore[index]


def _measured(graph: Graph, nodes: Sequence[Node]) -> dict[str, Shape]:
    """By node: the shape of its result in a trial; None for an axis proportional to the batch.

    Only of what shapes alone decide, not values, and for inputs of fixed size.
    """
    known = _from_shapes(graph)
    nodes = [n for n in nodes if known.issuperset(id(t) for t in n.inputs[1:] if t.inputs or _is_input(graph, t))]
    sizes = [graph.shape(t) or (None, None) for t in graph.inputs]
    if not nodes or not all(isinstance(d, int) for s in sizes for d in s[1:]):
        return {}
    fixed = next((s[0] for s in sizes if isinstance(s[0], int)), None)
    trials = (2, 3) if fixed is None else (fixed,)
    names = [n.outputs[0].name for n in nodes]
    found: list[list[tuple[int, ...]]] = []
    try:
        session = cpu_session(graph.to_proto(), names)
        for batch in trials:
            feeds = {t.name: np.zeros([batch, *graph.sizes(t)], t.dtype) for t in graph.inputs}
            found.append([np.shape(v) for v in session.run(None, feeds)])
    except ORT_ERRORS:
        return {}
    pairs = zip(nodes, found[0], found[-1], strict=True)
    return {n.name: tuple(a if a == b else None for a, b in zip(x, y, strict=True)) for n, x, y in pairs}


def _from_shapes(graph: Graph) -> set[int]:
    """The ids of the tensors that are computed from the sizes of other tensors only."""
    known: set[int] = set()
    for node in graph.nodes():
        read = (id(t) for t in graph.reads(node) if t.inputs or _is_input(graph, t))
        if node.op in SHAPE_OPS or known.issuperset(read):
            known.update(id(t) for t in node.outputs)
    return known


def _is_input(graph: Graph, tensor: Tensor) -> bool:
    return any(tensor is t for t in graph.inputs)


def _settle_reshape(graph: Graph, node: Node, before: Shape, after: Shape) -> None:
    target = _settled_shape(before, after)
    if graph.value(node.inputs[1]) is None and target:
        node.inputs = [node.inputs[0], graph.constant(f"{node.name}_shape", np.array(target, np.int64))]
        node.attrs.pop("allowzero", None)
    _keep_batch(graph, node, before)


def _keep_batch(graph: Graph, node: Node, before: Shape) -> None:
    """Copy (0) a fixed batch size that is unchanged, next to an inferred axis."""
    given = graph.value(node.inputs[1])
    if given is None or node.attrs.get("allowzero") or given.size < 2 or -1 not in given[1:]:
        return
    if isinstance(before[0], int) and before[0] == given[0]:
        kept = np.concatenate([[0], given[1:]]).astype(np.int64)
        node.inputs[1] = graph.constant(f"{node.name}_shape", kept)


def _settled_shape(before: Shape, after: Shape) -> list[int] | None:
    """The constant target of a Reshape that keeps the batch axis or leaves just one axis open."""
    unknown = [i for i, d in enumerate(after) if not isinstance(d, int)]
    if len(unknown) > 1 and unknown[0] == 0 and before[0] == after[0]:
        unknown = unknown[1:]  # the batch is copied (0), so the other axis may be the inferred one
    if len(unknown) != 1:
        return None
    return [d if isinstance(d, int) else -1 if i == unknown[0] else 0 for i, d in enumerate(after)]


def _settle_expand(graph: Graph, node: Node, before: Shape, after: Shape) -> None:
    """Replace sizes of unchanged axes, such as the batch, by 1, which leaves them unchanged."""
    if len(before) != len(after):
        return
    target = [1 if a == b and a is not None else b for a, b in zip(before, after, strict=True)]
    if target[0] == 1 and all(isinstance(d, int) for d in target):
        node.inputs = [node.inputs[0], graph.constant(f"{node.name}_shape", np.array(target, np.int64))]


def _settle_resize(graph: Graph, node: Node, before: Shape, after: Shape) -> None:
    """Set the sizes of the axes that change; given scales stay, since coordinates depend on them."""
    if len(node.inputs) <= _SIZES or not node.inputs[_SIZES].name or node.attrs.get("axes"):
        return
    axes = [i for i in range(1, len(after)) if before[i] != after[i] or i >= 2]
    sizes = [after[i] for i in axes]
    plain = node.attrs.get("keep_aspect_ratio_policy", "stretch") == "stretch"
    if plain and all(isinstance(d, int) for d in sizes) and (not isinstance(after[0], int) or after[0] == before[0]):
        node.inputs[_SIZES] = graph.constant(f"{node.name}_sizes", np.array(sizes, np.int64))
        node.attrs["axes"] = axes
