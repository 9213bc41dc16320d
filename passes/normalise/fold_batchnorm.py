# SPDX-License-Identifier: Apache-2.0
"""BatchNormalization(Conv(x)) -> Conv(x), and Conv(BatchNormalization(x)) -> Conv(x) where no padding is in between.

BatchNormalization is y = f x + s with f = γ/√(σ² + ε), s = β − μ f, per channel. Behind a synapse it scales
the synapse's output; before one it scales its input, but a padding 0 is not
an s, so that needs s = 0 or a synapse without padding. One that stands alone stays, as the linear op that it is.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
import numpy.typing as npt

from snncc.errors import PostconditionError
from snncc.ir.graph import Graph, Node
from snncc.passes.base import NodePass, Skip
from snncc.passes.shared.synapse import SYNAPSES, Synapse, synapse

__all__ = ["FoldBatchNorm", "Side", "affine", "behind_synapse", "scale_batchnorm"]

Array = npt.NDArray[Any]
Side = Literal["input", "output"]
Found = tuple[Synapse, bool]


@dataclass(frozen=True)
class FoldBatchNorm(NodePass):
    """BatchNormalization next to a synapse -> that synapse, with its weights scaled.

    Attributes:
        spare_neurons: Leave alone what stands in front of a neuron-to-be.
    """

    name: ClassVar[str] = "fold-batchnorm"
    ops: ClassVar[tuple[str, ...]] = ("BatchNormalization",)
    spare_neurons: bool = False

    def match(self, graph: Graph, node: Node) -> Found | Skip:
        """The synapse to fold into and whether it stands before the node; else the reason of the nearer failure."""
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
        """Scale the synapse and take the node out."""
        target, before = match
        factor, shift = affine(graph, node)
        if before:
            target.scale_output(factor, shift)
        else:
            target.scale_input(factor, shift)
        graph.bypass(node, node.inputs[0])

    def ensures(self, graph: Graph) -> None:
        """No BatchNormalization is left that `match` would take."""
        for node in graph.nodes(*self.ops):
            if not isinstance(self.match(graph, node), Skip):
                raise PostconditionError(f"BatchNormalization '{node.name}' was left though it could be folded")


def affine(graph: Graph, node: Node) -> tuple[Array, Array]:
    """A BatchNormalization's factor and shift, each (channels,), float64."""
    gamma, beta, mean, variance = (np.asarray(graph.value(t), np.float64) for t in node.inputs[1:5])
    factor = gamma / np.sqrt(variance + node.attrs.get("epsilon", 1e-5))
    return factor, beta - mean * factor


def behind_synapse(graph: Graph, node: Node) -> Synapse | Skip:
    """The synapse alone in front of a BatchNormalization, or why it cannot take the node's shift."""
    source = node.inputs[0]
    producer = graph.producer(source)
    if producer is None or producer.op not in SYNAPSES:
        return Skip("no synapse in front of it")
    if graph.sole_user(source) is not node:
        return Skip(f"'{source.name}' has other users")
    return _same_channels(graph, producer, source)


def _before_synapse(graph: Graph, node: Node) -> Synapse | Skip:
    result = node.outputs[0]
    user = graph.sole_user(result)
    if user is None or user.op not in SYNAPSES or user.inputs[0] is not result:
        return Skip("no synapse alone behind it")
    pads = user.attrs.get("auto_pad", "NOTSET") not in ("NOTSET", "VALID") or any(user.attrs.get("pads", ()))
    if (pads or user.op == "ConvTranspose") and affine(graph, node)[1].any():
        return Skip(f"{user.op} '{user.name}' pads with zeros, which its shift would change")
    return _same_channels(graph, user, result)


def _same_channels(graph: Graph, node: Node, tensor: Any) -> Synapse | Skip:
    """BatchNormalization's channels are axis 1; a MatMul's are the last one, which is the same only in rank 2."""
    shape = graph.shape(tensor)
    if node.op == "MatMul" and (shape is None or len(shape) != 2):
        return Skip(f"the channels of MatMul '{node.name}' are not on axis 1")
    return synapse(graph, node)


def scale_batchnorm(graph: Graph, node: Node, factor: Array, side: Side) -> None:
    """Make a lone BatchNormalization take a factor, (channels,) or (1,), at its input or output."""
    gamma, beta, mean, variance = (np.asarray(graph.value(t), np.float64) for t in node.inputs[1:5])
    slope = gamma / np.sqrt(variance + node.attrs.get("epsilon", 1e-5))
    # At the input the mean stays and beta makes up for it: the factor may be 0.
    shift = beta * factor if side == "output" else beta - mean * slope * (1 - factor)
    values = (gamma * factor, shift, mean, variance)
    dtype = graph.value(node.inputs[1]).dtype  # type: ignore[union-attr]
    parameters = [graph.constant(t.name, v.astype(dtype)) for t, v in zip(node.inputs[1:5], values, strict=True)]
    node.inputs = [node.inputs[0], *parameters]
