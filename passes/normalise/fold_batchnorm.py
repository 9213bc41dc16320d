# SPDX-License-Identifier: Apache-2.0
"""BatchNormalization(Conv(x)) -> Conv(x), and Conv(BatchNormalization(x)) -> Conv(x) if the Conv has no padding.

BatchNormalization is y = f x + s with f = γ/√(σ² + ε), s = β − μ f, per channel. After a synapse it scales the
synapse's output. Before a synapse it scales its input; since padding adds 0 and not s, this needs s = 0 or a synapse
without padding. A BatchNormalization without an adjacent synapse stays as a linear op.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from snncc.errors import PostconditionError
from snncc.ir.graph import Graph, Node
from snncc.ir.op_sets import SYNAPSES
from snncc.passes.base import NodePass, Skip
from snncc.passes.shared.batchnorm import affine, behind_synapse, same_channels
from snncc.passes.shared.synapse import Synapse

__all__ = ["FoldBatchNorm"]

Found = tuple[Synapse, bool]


@dataclass(frozen=True)
class FoldBatchNorm(NodePass):
    """BatchNormalization next to a synapse -> that synapse, with its weights scaled.

    Attributes:
        spare_neurons: Leave alone what stands before an activation site.
    """

    name: ClassVar[str] = "fold-batchnorm"
    ops: ClassVar[tuple[str, ...]] = ("BatchNormalization",)
    spare_neurons: bool = False

    def match(self, graph: Graph, node: Node) -> Found | Skip:
        """The synapse to fold into and whether it is before the node; else the reason why the closer
        one is rejected.
        """
        user = graph.sole_user(node.outputs[0]) if self.spare_neurons else None
        if user is not None and user.op == "Relu":
            return Skip("the neuron behind it has a threshold")
        if node.attrs.get("training_mode", 0) or len(node.outputs) > 1:
            return Skip("it is in training mode")
        if any(graph.value(t) is None for t in node.inputs[1:]):
            return Skip("its parameters are not constants")
        before = behind_synapse(graph, node)
        if not isinstance(before, Skip):
            return before, True
        after = _before_synapse(graph, node)
        if not isinstance(after, Skip):
            return after, False
        return Skip(f"{before.reason}; {after.reason}")

    def rewrite(self, graph: Graph, node: Node, match: Found) -> None:
        """Scale the synapse and remove the node."""
        target, before = match
        factor, shift = affine(graph, node)
        if before:
            target.scale_output(factor, shift)
        else:
            target.scale_input(factor, shift)
        graph.bypass(node, node.inputs[0])

    def ensures(self, graph: Graph) -> None:
        """No BatchNormalization that `match` accepts is left."""
        for node in graph.nodes(*self.ops):
            if not isinstance(self.match(graph, node), Skip):
                raise PostconditionError(f"BatchNormalization '{node.name}' was left though it could be folded")


def _before_synapse(graph: Graph, node: Node) -> Synapse | Skip:
    result = node.outputs[0]
    user = graph.sole_user(result)
    if user is None or user.op not in SYNAPSES or user.inputs[0] is not result:
        return Skip("no synapse alone behind it")
    pads = user.attrs.get("auto_pad", "NOTSET") not in ("NOTSET", "VALID") or any(user.attrs.get("pads", ()))
    if (pads or user.op == "ConvTranspose") and affine(graph, node)[1].any():
        return Skip(f"{user.op} '{user.name}' pads with zeros, which its shift would change")
    return same_channels(graph, user, result)
