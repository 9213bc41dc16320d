# SPDX-License-Identifier: Apache-2.0
"""f(x) -> Transpose(f(Transpose(x))): batch on axis 0 for activations and synapses next to recurrent layers.

Recurrent layers have the layout [time, batch, features], and exporters keep it for the ops between two of them. Neurons
stack time steps on axis 0, where the batch must be. Pairs of Transposes that cancel are removed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from snncc.analysis.activations import ACTIVATIONS
from snncc.analysis.batch_axis import batch_axes
from snncc.ir.graph import Graph, Node, Tensor
from snncc.passes.base import Pass

__all__ = ["BatchFirst"]

_ELEMENTWISE = frozenset({"Relu", "Clip", "LeakyRelu", "Min", *ACTIVATIONS})
_WITH_CONSTANT = frozenset({"Add", "Sub", "Mul", "Div", "MatMul"})


@dataclass(frozen=True)
class BatchFirst(Pass):
    """f(x) -> Transpose(f(Transpose(x))) where the batch of x is not on axis 0."""

    name: ClassVar[str] = "batch-first"

    def run(self, graph: Graph) -> int:
        """Insert Transposes around every such op, then remove those that cancel."""
        axes = batch_axes(graph)
        done = 0
        for node in graph.nodes():
            axis = axes.get(id(node.inputs[0])) if node.inputs else None
            if axis and _acts_on_features(graph, node):
                axes[id(_turn(graph, node, axis))] = axis
                done += 1
        if done:
            for node in graph.nodes("Transpose"):
                _cancel(graph, node)
            graph.cleanup()
        return done


def _acts_on_features(graph: Graph, node: Node) -> bool:
    """Whether `node` treats all samples and time steps alike, so that these axes can be exchanged."""
    constants = [value for t in node.inputs[1:] if (value := graph.value(t)) is not None]
    if node.op in _ELEMENTWISE:
        return len(constants) == len(node.inputs) - 1 and all(value.size == 1 for value in constants)
    rank = 2 if node.op == "MatMul" else 1
    return node.op in _WITH_CONSTANT and len(constants) == 1 and constants[0].ndim <= rank


def _turn(graph: Graph, node: Node, axis: int) -> Tensor:
    """Transpose the inputs and outputs of `node`; returns the tensors that other nodes read from now on."""
    source, result = node.inputs[0], node.outputs[0]
    node.inputs[0] = _swapped(graph, source, axis, f"{node.name}_batch_first")
    shape = graph.shape(result)
    if shape is not None:
        result.shape = _exchanged(list(shape), axis)
    back = _swapped(graph, result, axis, f"{node.name}_time_first")
    graph.replace_uses(result, back, keep=[graph.producer(back)])
    return back


def _swapped(graph: Graph, tensor: Tensor, axis: int, name: str) -> Tensor:
    rank = len(graph.shape(tensor) or ())
    turned = graph.add("Transpose", [tensor], name=name, attrs={"perm": _exchanged(list(range(rank)), axis)})
    turned.shape = _exchanged(list(graph.shape(tensor) or ()), axis)
    return turned


def _exchanged(items: list[Any], axis: int) -> list[Any]:
    """`items` with those at 0 and `axis` exchanged."""
    items[0], items[axis] = items[axis], items[0]
    return items


def _cancel(graph: Graph, node: Node) -> None:
    """Transpose(Transpose(x)) -> x where the second undoes the first."""
    before = graph.producer(node.inputs[0]) if node.outputs else None
    if before is None or before.op != "Transpose" or not before.inputs:
        return
    rank = len(graph.shape(node.inputs[0]) or ())
    first, second = (list(n.attrs.get("perm") or reversed(range(rank))) for n in (before, node))
    if [first[i] for i in second] == list(range(rank)):
        graph.replace_uses(node.outputs[0], before.inputs[0])
