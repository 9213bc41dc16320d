# SPDX-License-Identifier: Apache-2.0
"""MaxPool(x) -> Increase(MaxPool(RunningTotal(x))): pass on the increase of the largest spike sum in each window.

The maximum of spikes at single steps is not the maximum of the rates. At each step, the window sends the increase of
the largest sum of values that any of its neurons has sent so far. Over all steps it sends the largest sum.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from snncc.analysis.time_axis import stacked
from snncc.coding.base import add_op
from snncc.ir.graph import Graph, Node
from snncc.ir.op_sets import MAX_POOLS
from snncc.passes.base import Pass

__all__ = ["PoolSpikes"]


@dataclass(frozen=True)
class PoolSpikes(Pass):
    """MaxPool(x) -> Increase(MaxPool(RunningTotal(x))) where x has `steps` stacked steps."""

    name: ClassVar[str] = "pool-spikes"
    steps: int

    def run(self, graph: Graph) -> int:
        """Rewrite every max pool of stacked steps."""
        if self.steps == 1:
            return 0
        over_time = stacked(graph)
        pools = [n for n in graph.nodes(*MAX_POOLS) if id(n.inputs[0]) in over_time]
        for pool in pools:
            self._rewrite(graph, pool)
        return len(pools)

    def _rewrite(self, graph: Graph, pool: Node) -> None:
        attrs = {"steps": self.steps, "mean": 0}
        pool.inputs[0] = add_op(graph, "RunningTotal", [pool.inputs[0]], attrs, f"{pool.name}_total")
        largest = pool.outputs[0]
        sent = add_op(graph, "Increase", [largest], attrs, f"{pool.name}_increase")
        graph.replace_uses(largest, sent, keep=[graph.producer(sent)])
