# SPDX-License-Identifier: Apache-2.0
"""Record which tensors that are computed from shapes alone have one row per sample; the graph is unchanged.

These tensors do not depend on input values, so that only their number of rows distinguishes them from tables that all
samples share. The ReLU network is run with several batch sizes; tensors with more rows for more samples must later be
repeated for each time step.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from snncc.analysis.trial import Trial, shape_only, trials
from snncc.errors import UnsupportedShapeError
from snncc.ir.graph import Graph, Node, Tensor
from snncc.passes.base import Pass

__all__ = ["NoteRows"]


@dataclass(frozen=True)
class NoteRows(Pass):
    """Record in `rows` the tensors with one row per sample.

    Attributes:
        steps: Time steps, or slices, of each sample that rows will be; 1: nothing is noted.
        rows: Filled by the run: the names of those tensors.
    """

    name: ClassVar[str] = "note-rows"
    steps: int
    rows: set[str] = field(default_factory=set, repr=False, compare=False)

    def run(self, graph: Graph) -> int:
        """Record the rows of tensors that meet activations."""
        self.rows.clear()
        if self.steps == 1:
            return 0
        measured = shape_only(graph)
        met = {t.name: n for n in graph.nodes() for t in n.inputs if _meets(n, t, measured)}
        runs = trials(graph, sorted(met)) if met else []
        if met and not runs:
            name, node = next(iter(met.items()))
            message = f"whether '{name}', which {node.op} '{node.name}' takes, has rows for each sample is not known"
            raise UnsupportedShapeError(f"{message}. Export with fixed sizes, or convert with --coding fs or phase")
        self.rows.update(name for name in met if _grows(name, runs))
        return 0


def _meets(node: Node, tensor: Tensor, measured: dict[int, bool]) -> bool:
    """Whether `node` computes activations from `tensor`, and does not use it as a shape."""
    if id(tensor) not in measured or id(node.outputs[0]) in measured:
        return False
    return tensor.dtype is None or np.dtype(tensor.dtype).kind not in "iu"


def _grows(name: str, runs: list[Trial]) -> bool:
    """Whether the number of rows is proportional to the number of samples in all runs."""
    shapes = [run.values[name].shape for run in runs]
    each = {shape[0] / run.samples for shape, run in zip(shapes, runs, strict=True) if shape}
    return bool(all(shapes)) and len(each) == 1 and len({run.samples for run in runs}) > 1
