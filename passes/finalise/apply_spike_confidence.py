# SPDX-License-Identifier: Apache-2.0
"""Neuron(x) -> ConfidentNeuron(x): early spikes are kept with their layer's confidence (msat.txt, eq. 14).

The op names its variant with spike confidence, such as ConfidentMSATNeuron of MSATNeuron.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from snncc.coding.scales import SpikeConfidence
from snncc.ir.graph import Graph, Node
from snncc.ops import DOMAIN, get
from snncc.passes.base import NodePass, Skip

__all__ = ["ApplySpikeConfidence"]

_CERTAIN = 2**32


@dataclass(frozen=True)
class ApplySpikeConfidence(NodePass):
    """Neuron(x) -> ConfidentNeuron(x); `confidence` maps node names of layers to their confidence."""

    name: ClassVar[str] = "doubt-spikes"
    ops: ClassVar[tuple[str, ...]] = ()
    confidence: Mapping[str, SpikeConfidence] = field(repr=False)
    seed: int = 0

    def match(self, graph: Graph, node: Node) -> SpikeConfidence | Skip | None:  # noqa: ARG002
        """The confidence of this layer."""
        if node.domain != DOMAIN or not get(node.op).with_confidence:
            return None
        found = self.confidence.get(node.name)
        return Skip("its spikes are not doubted") if found is None else found

    def rewrite(self, graph: Graph, node: Node, match: SpikeConfidence) -> None:  # noqa: ARG002
        """Change the op; its random numbers are keyed by the seed and the layer's name, and differ between layers."""
        node.op = get(node.op).with_confidence
        key = zlib.crc32(f"{self.seed} {node.name}".encode())
        node.attrs |= {"survival": round(match.p * _CERTAIN), "early": match.early, "key": key}
