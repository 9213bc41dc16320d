# SPDX-License-Identifier: Apache-2.0
"""Relu(BatchNormalization(synapse(x))) -> Relu(|f| (±synapse(x) + s/|f|)): the weights do not include the scale f.

BatchNormalization is y = f x + s, per channel (see fold-batchnorm). Its shift is folded into the bias, which is added
to the potential once, its sign into the weights. Its magnitude becomes a factor on the potential, which
raise-thresholds later folds into the neuron's threshold (one_spike.txt, Algorithm 1). Where f is 0 the potential is the
constant s.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from snncc.ir.graph import Graph, Node
from snncc.passes.base import NodePass, Skip
from snncc.passes.shared.batchnorm import affine, behind_synapse
from snncc.passes.shared.scaling import insert_factor
from snncc.passes.shared.synapse import Synapse

__all__ = ["BatchNormToThreshold"]

_NOTHING = 1e-12  # of the shift, or of 1: a factor that makes no difference


@dataclass(frozen=True)
class BatchNormToThreshold(NodePass):
    """BatchNormalization between a synapse and a Relu -> a bias, signs and a Mul."""

    name: ClassVar[str] = "free-weights"
    ops: ClassVar[tuple[str, ...]] = ("BatchNormalization",)

    def match(self, graph: Graph, node: Node) -> Synapse | Skip:
        """The synapse before the node; a Relu must be the only user of the node."""
        user = graph.sole_user(node.outputs[0])
        if user is None or user.op != "Relu":
            return Skip("no neuron alone behind it, whose threshold could take it")
        if any(graph.value(t) is None for t in node.inputs[1:]):
            return Skip("its parameters are not constants")
        found = behind_synapse(graph, node)
        if not isinstance(found, Skip) and not np.isfinite(_parts(graph, node)[2].astype(graph.element_type())).all():
            return Skip(f"{graph.element_type()} cannot hold its shift in units of its factor")
        return found

    def rewrite(self, graph: Graph, node: Node, match: Synapse) -> None:
        """Change bias and signs, and replace the node by the Mul."""
        sign, magnitude, shift = _parts(graph, node)
        match.scale_output(sign, shift)
        source = match.node.outputs[0]
        rank = len(graph.shape(source) or ())
        axis = match.channel_axis % rank
        factor = magnitude.reshape([-1 if a == axis else 1 for a in range(rank)])
        current = node.inputs[0]  # a MatMul has got an Add for its bias
        scaled = insert_factor(graph, current, factor, f"{node.name}_factor")
        graph.replace_uses(node.outputs[0], scaled)
        graph.erase(node)


def _parts(graph: Graph, node: Node) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(sign of the weights, factor, shift before the factor), each (channels,)."""
    factor, shift = affine(graph, node)
    magnitude = np.abs(factor)
    dead = magnitude <= _NOTHING * np.maximum(1, np.abs(shift))
    magnitude = np.where(dead, 1.0, magnitude)
    return np.where(dead, 0.0, np.sign(factor)), magnitude, shift / magnitude
