# SPDX-License-Identifier: Apache-2.0
"""f(x) -> code(f(decode(x))): insert a decoder and an encoder around analog ops.

Undivided values need no decoder; after the analog op they are encoded like the network's input. Where time steps are
stacked, the analog op reads the mean of its input so far, and sends at each step the increase of the sum over all
steps: in the mean over all steps this is f of the mean. Slices of a value pass through unchanged. Transposes that move
the batch off axis 0 for a recurrent layer, and back, belong to the analog op: neurons are outside. Ops that compare,
select or count after the last neurons read the complete values, once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from snncc.analysis.analog_ops import analog_ops, endings
from snncc.analysis.batch_axis import nodes_off_batch_axis
from snncc.analysis.convertibility import feeds_outputs_only
from snncc.analysis.integer_inputs import integer_tensors, is_integer
from snncc.analysis.time_axis import spread_steps, stacked
from snncc.coding import Coding
from snncc.coding.base import add_op
from snncc.errors import PassError
from snncc.ir.graph import Graph, Node, Tensor
from snncc.passes.base import Pass
from snncc.passes.shared.readouts import read

__all__ = ["IsolateAnalogOps"]


@dataclass(frozen=True)
class IsolateAnalogOps(Pass):
    """f(x) -> code(f(decode(x))).

    Attributes:
        extents: (Lowest, highest) value of what an analog op computes, by tensor.
        in_pieces: Whether values travel in pieces, so that what an analog op computes is never complete before the end.
        anytime: Whether the outputs after every step are wanted.
    """

    name: ClassVar[str] = "keep-islands"
    coding: Coding
    extents: Mapping[str, tuple[float, float]] = field(repr=False)
    in_pieces: bool = False
    anytime: bool = False

    def run(self, graph: Graph) -> int:
        """Insert a decoder before each group of analog ops and an encoder after it."""
        ends = endings(graph)
        if self.coding.slices > 1:
            self._read_once(graph, ends)
        last = {id(n) for n in ends}
        off, chosen = nodes_off_batch_axis(graph), {id(n) for n in analog_ops(graph)} - last
        found = [n for n in graph.nodes() if id(n) in chosen or id(n) in off]
        analog, beside = {id(n) for n in found} | last, integer_tensors(graph)
        decoded: dict[int, Tensor] = {}  # by input of the analog ops: its replacement within them
        steps = self.coding.slices
        over_time = stacked(graph)
        for node in found:
            timed = [t for t in graph.reads(node) if id(t) in over_time and id(t) not in beside]
            if timed and self.coding.readout == "mean":
                for tensor in timed:
                    if id(tensor) not in decoded and not is_integer(tensor):
                        name = f"{node.name}_decoder"
                        attrs = {"steps": steps, "mean": 1}
                        decoded[id(tensor)] = add_op(graph, "RunningTotal", [tensor], attrs, name)
                        over_time.add(id(decoded[id(tensor)]))
                node.inputs = [decoded.get(id(t), t) for t in node.inputs]
            for result in node.outputs:
                if result.name and not is_integer(result) and graph.shape(result) != ():
                    code = self._code(graph, node, result, analog, decoded, over_time=bool(timed))
                    spread_steps(graph, code, over_time)
        return len(found) + len(ends)

    def _read_once(self, graph: Graph, ends: list[Node]) -> None:
        """Connect `ends` to the readout, over all time steps or of the last slice, of their inputs."""
        over_time, within = stacked(graph), {id(t) for n in ends for t in n.outputs}
        if ends and self.anytime:
            what = f"{ends[0].op} '{ends[0].name}' compares or chooses values, which are complete after the last step"
            raise PassError(f"{what}. Convert without anytime, or cut the graph before it")
        done: dict[int, Tensor] = {}
        for node in ends:
            for tensor in node.inputs:
                if id(tensor) in over_time and id(tensor) not in within and id(tensor) not in done:
                    done[id(tensor)] = read(graph, self.coding, tensor)
            node.inputs = [done.get(id(t), t) for t in node.inputs]

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
        """Encode `result`, the output of `node`, for all users except analog ops; returns the code, or `result`."""
        decoded[id(result)] = result
        others = [u for u in graph.users(result) if id(u) not in analog and u.op != "Shape"]
        code: Tensor | None = None
        if over_time and self.coding.readout == "mean":
            if others or graph.is_output(result):
                attrs = {"steps": self.coding.slices, "mean": 1}
                code = add_op(graph, "Increase", [result], attrs, f"{node.name}_encoder")
        elif others and not self.in_pieces and not feeds_outputs_only(graph, node):
            low, high = self.extents[result.name]
            code = self.coding.encoder(graph, result, max(-low, high) or 1.0, f"{node.name}_encoder")
        if code is None:
            return result
        graph.set_role(code, "encoder", graph.descent(node))
        decoded[id(code)] = result
        within = [u for u in graph.users(result) if id(u) in analog]
        graph.replace_uses(result, code, keep=[graph.producer(code), *within])
        return code
