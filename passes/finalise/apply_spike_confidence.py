# SPDX-License-Identifier: Apache-2.0
"""MSATNeuron(x) -> ConfidentMSATNeuron(x): early spikes are kept with their layer's confidence (msat.txt, eq. 14)."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from snncc.coding.scales import SpikeConfidence
from snncc.ir.graph import Graph, Node
from snncc.passes.base import NodePass, Skip

__all__ = ["ApplySpikeConfidence"]

_CERTAIN = 2**32


@dataclass(frozen=True)
class ApplySpikeConfidence(NodePass):
    """MSATNeuron(x) -> ConfidentMSATNeuron(x); `confidence` maps node names of layers to their confidence."""

    name: ClassVar[str] = "doubt-spikes"
    ops: ClassVar[tuple[str, ...]] = ("MSATNeuron",)
    confidence: Mapping[str, SpikeConfidence] = field(repr=False)
    seed: int = 0

    def match(self, graph: Graph, node: Node) -> SpikeConfidence | Skip:  # noqa: ARG002
        """The confidence of this layer."""
        found = self.confidence.get(node.name)
        return Skip("its spikes are not doubted") if found is None else found

    def rewrite(self, graph: Graph, node: Node, match: SpikeConfidence) -> None:  # noqa: ARG002
        """Change the op; its random numbers are keyed by the seed and the layer's name, and differ between layers."""
        node.op = "ConfidentMSATNeuron"
        key = zlib.crc32(f"{self.seed} {node.name}".encode())
        node.attrs |= {"survival": round(match.p * _CERTAIN), "early": match.early, "key": key}
