# SPDX-License-Identifier: Apache-2.0
"""x -> x + c: adds to each channel's membrane potential what it lacks on average, in its synapses' bias.

c goes up through sums into the first synapse that can take it, Conv(x; W, b) + c -> Conv(x; W, b + c); where there is
none it stays an Add.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from snncc.graph import Graph, Tensor
from snncc.passes.base import Pass, Skip
from snncc.passes.synapse import SYNAPSES, Synapse, synapse

__all__ = ["CorrectBias"]


@dataclass(frozen=True)
class CorrectBias(Pass):
    """x -> x + c; `missing` maps the tensor x to c, which broadcasts to it."""

    name: ClassVar[str] = "correct-bias"
    missing: Mapping[str, npt.NDArray[Any]] = field(repr=False)

    def run(self, graph: Graph) -> int:
        """Correct every potential named."""
        tensors = {t.name: t for n in graph.nodes() for t in n.outputs}
        done = 0
        for name, values in self.missing.items():
            potential = tensors.get(name)
            if potential is None or not values.any():
                continue
            target = _taker(graph, potential)
            if target is not None:
                target.scale_output(np.ones(1), values.reshape(-1))
            else:
                _add(graph, potential, values)
            done += 1
        return done


def _taker(graph: Graph, potential: Tensor) -> Synapse | None:
    """The synapse whose bias can take what `potential` lacks."""
    producer = graph.producer(potential)
    if producer is None or len(graph.users(potential)) + graph.is_output(potential) != 1:
        return None
    if producer.op in SYNAPSES and (producer.op != "MatMul" or len(graph.shape(potential) or ()) == 2):
        found = synapse(graph, producer)
        return None if isinstance(found, Skip) or producer.op == "MatMul" else found
    if producer.op != "Add":
        return None
    return next((t for t in (_taker(graph, summand) for summand in producer.inputs) if t is not None), None)


def _add(graph: Graph, potential: Tensor, values: npt.NDArray[Any]) -> None:
    constant = graph.constant(f"{potential.name}_missing", values.astype(graph.element_type()))
    total = graph.add("Add", [potential, constant], name=f"{potential.name}_corrected")
    graph.replace_uses(potential, total, keep=[graph.producer(total)])
