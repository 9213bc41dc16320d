# SPDX-License-Identifier: Apache-2.0
"""x -> g x: gives each channel's membrane potential the gain that it lacks; lift-scales folds it into the weights."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy.typing as npt

from snncc.graph import Graph
from snncc.passes.base import Pass
from snncc.passes.scale import insert_factor

__all__ = ["ScalePotentials"]


@dataclass(frozen=True)
class ScalePotentials(Pass):
    """x -> Mul(x, g); `gains` maps the tensor x to g, which broadcasts to it."""

    name: ClassVar[str] = "scale-potentials"
    gains: Mapping[str, npt.NDArray[Any]] = field(repr=False)

    def run(self, graph: Graph) -> int:
        """Scale every potential named."""
        tensors = {t.name: t for n in graph.nodes() for t in n.outputs}
        done = 0
        for name, gain in self.gains.items():
            potential = tensors.get(name)
            if potential is not None and (gain != 1).any():
                scaled = insert_factor(graph, potential, gain, f"{name}_gain")
                graph.replace_uses(potential, scaled, keep=[graph.producer(scaled)])
                done += 1
        return done
