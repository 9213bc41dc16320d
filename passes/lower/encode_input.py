# SPDX-License-Identifier: Apache-2.0
"""x -> encoder(x): encode the network's input as spikes, unless the coding keeps it analog.

For token ids, the results of look-ups are encoded. Ops that compare values, or use them as indices, read the original
values.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from snncc.analysis.analog_ops import reads_values
from snncc.analysis.integer_inputs import activation_sources, integer_tensors
from snncc.coding import Coding
from snncc.ir.graph import Graph
from snncc.passes.base import Pass
from snncc.passes.shared.batch_rows import free_rows, repeat_constants

__all__ = ["EncodeInput"]


@dataclass(frozen=True)
class EncodeInput(Pass):
    """Every source x -> encoder(x); `maxima` gives the largest magnitude of each."""

    name: ClassVar[str] = "encode-input"
    coding: Coding
    maxima: Mapping[str, float]

    def run(self, graph: Graph) -> int:
        """Add an encoder after each source."""
        done = 0
        beside = integer_tensors(graph)
        for source in activation_sources(graph):
            exact = [u for u in graph.users(source) if reads_values(graph, u, beside)]
            if (exact and len(exact) == len(graph.users(source))) or graph.shape(source) == ():
                continue  # nothing reads a code, or it is one number for all samples
            spikes = self.coding.encoder(graph, source, self.maxima[source.name], f"{source.name}_encoder")
            if spikes is not None:
                graph.set_role(spikes, "encoder", graph.of_tensor(source))
                graph.replace_uses(source, spikes, keep=[graph.producer(spikes), *exact], outputs=False)
                done += 1
        if self.coding.slices > 1:
            if done:  # now there are as many slices
                repeat_constants(graph, self.coding.slices)
            free_rows(graph)
        return done
