# SPDX-License-Identifier: Apache-2.0
"""f(x) -> code(f(decode(x))): what is no linear layer and no neuron stays analog, between a decoder and an encoder.

Values that travel in one piece need no decoder; behind the island they are coded as the network's input is. Where time
steps are stacked, the island sees the mean of what has come so far, and sends at each step what that adds to the sum
over all steps: in the mean over all of them, f of the mean. Slices of a value pass through as they are. What turns the
batch off axis 0 for a recurrent layer, and back again, belongs to the island: neurons are outside.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from snncc.batch_axis import off_axis
from snncc.coding import Coding
from snncc.coding.base import add_op
from snncc.graph import Graph, Node, Tensor
from snncc.islands import islands
from snncc.obstacles import leads_out
from snncc.passes.base import Pass
from snncc.passes.timeline import spread_steps, stacked
from snncc.tokens import side_tensors

__all__ = ["KeepIslands"]


@dataclass(frozen=True)
class KeepIslands(Pass):
    """f(x) -> code(f(decode(x))).

    Attributes:
        extents: (Lowest, highest) value of what an island computes, by tensor.
        in_pieces: Whether values travel in pieces, so that what an island computes is never complete before the end.
    """

    name: ClassVar[str] = "keep-islands"
    coding: Coding
    extents: Mapping[str, tuple[float, float]] = field(repr=False)
    in_pieces: bool = False

    def run(self, graph: Graph) -> int:
        """Put a decoder in front of each group of islands and an encoder behind it."""
        off, chosen = off_axis(graph), {id(n) for n in islands(graph)}
        found = [n for n in graph.nodes() if id(n) in chosen or id(n) in off]
        analog, beside = {id(n) for n in found}, side_tensors(graph)
        decoded: dict[int, Tensor] = {}  # by what arrives there: what stands for it within the island
        steps = self.coding.slices
        over_time = stacked(graph)
        for node in found:
            timed = [t for t in node.inputs if id(t) in over_time and id(t) not in beside]
            if timed and self.coding.readout == "mean":
                for tensor in timed:
                    if id(tensor) not in decoded:
                        name = f"{node.name}_decoder"
                        attrs = {"steps": steps, "mean": 1}
                        decoded[id(tensor)] = add_op(graph, "RunningTotal", [tensor], attrs, name)
                        over_time.add(id(decoded[id(tensor)]))
                node.inputs = [decoded.get(id(t), t) for t in node.inputs]
            for result in node.outputs:
                if result.name:
                    code = self._code(graph, node, result, analog, decoded, over_time=bool(timed))
                    spread_steps(graph, code, over_time)
        return len(found)

    def _code(
        self,
        graph: Graph,
        node: Node,
        result: Tensor,
        analog: set[int],
        decoded: dict[int, Tensor],
        *,
        over_time: bool,
    ) -> Tensor:
        """Let everybody but islands read what `node` computes, `result`, as a code, which is returned, or `result`."""
        decoded[id(result)] = result
        others = [u for u in graph.users(result) if id(u) not in analog and u.op != "Shape"]
        code: Tensor | None = None
        if over_time and self.coding.readout == "mean":
            if others or graph.is_output(result):
                attrs = {"steps": self.coding.slices, "mean": 1}
                code = add_op(graph, "Increase", [result], attrs, f"{node.name}_encoder")
        elif others and not self.in_pieces and not leads_out(graph, node):
            low, high = self.extents[result.name]
            code = self.coding.encoder(graph, result, max(-low, high) or 1.0, f"{node.name}_encoder")
        if code is None:
            return result
        decoded[id(code)] = result
        within = [u for u in graph.users(result) if id(u) in analog]
        graph.replace_uses(result, code, keep=[graph.producer(code), *within])
        return code
