# SPDX-License-Identifier: Apache-2.0
"""x -> encoder(x): encode the network's input as spikes, unless the coding keeps it analog.

Where the data of a source lie on a grid, offset + step k, the encoder codes step k, and the offset is a constant
current. For token ids, the results of look-ups are encoded. Ops that compare values, or use them as indices, read the
original values.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from snncc.analysis.analog_ops import reads_values
from snncc.analysis.integer_inputs import activation_sources, integer_tensors
from snncc.coding import Coding
from snncc.coding.scales import InputGrid
from snncc.ir.graph import Graph, Node, Tensor
from snncc.ops.arrays import Array
from snncc.passes.base import Pass
from snncc.passes.shared.batch_rows import free_rows, repeat_constants

__all__ = ["EncodeInput"]


@dataclass(frozen=True)
class EncodeInput(Pass):
    """Every source x -> encoder(x); `maxima` gives the largest magnitude of each, `grids` the grids of some."""

    name: ClassVar[str] = "encode-input"
    coding: Coding
    maxima: Mapping[str, float]
    grids: Mapping[str, InputGrid] = field(default_factory=dict, repr=False)

    def run(self, graph: Graph) -> int:
        """Add an encoder after each source."""
        done = 0
        beside = integer_tensors(graph)
        for source in activation_sources(graph):
            exact = [u for u in graph.users(source) if reads_values(graph, u, beside)]
            if (exact and len(exact) == len(graph.users(source))) or graph.shape(source) == ():
                continue  # nothing reads a code, or it is one number for all samples
            done += self._encode(graph, source, exact)
        if self.coding.slices > 1:
            if done:  # now there are as many slices
                repeat_constants(graph, self.coding.slices)
            free_rows(graph)
        return done

    def _encode(self, graph: Graph, source: Tensor, exact: list[Node]) -> bool:
        """Whether `source` is now encoded for all of its users except `exact`."""
        name, grid = f"{source.name}_encoder", self.grids.get(source.name)
        centred, value = source, None
        if grid is not None and self.coding.codes_grids:
            centred = _plus(graph, source, -grid.offset, f"{source.name}_centred")
            spikes = self.coding.grid_encoder(graph, centred, grid, name)
            value = _plus(graph, spikes, grid.offset, f"{source.name}_coded")
        elif (found := self.coding.encoder(graph, source, self.maxima[source.name], name)) is not None:
            spikes = value = found
        if value is None:
            return False
        graph.set_role(spikes, "encoder", graph.of_tensor(source))
        first = graph.producer(spikes if centred is source else centred)
        graph.replace_uses(source, value, keep=[first, *exact], outputs=False)
        return True


def _plus(graph: Graph, tensor: Tensor, constant: Array, name: str) -> Tensor:
    """`tensor` plus a constant for each channel; `tensor` itself if that is 0."""
    if not constant.any():
        return tensor
    value = graph.constant(f"{name}_constant", constant.astype(graph.element_type()))
    return graph.add("Add", [tensor, value], name=name)
