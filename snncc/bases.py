# SPDX-License-Identifier: Apache-2.0
"""The base of each layer's levels from the BatchNormalization in front of it (one_spike.txt, section III-B2).

What leaves a BatchNormalization with factor γ and shift β has mean μ = β and standard deviation σ = |γ| in its channel,
so that eq. 5 can be worked out for the very layer, in units of its scales λ: N(β/λ, (γ/λ)²).
"""

from __future__ import annotations

import numpy as np

from snncc.coding import Phase
from snncc.graph import Graph
from snncc.passes.insert_scales import neuron_output
from snncc.passes.neurons_to_be import neurons_to_be
from snncc.scales import Choice, Scales

__all__ = ["BASES", "bases_of_batchnorm"]

BASES = ("same", "batchnorm")


def bases_of_batchnorm(graph: Graph, scales: Scales, coding: Phase) -> dict[str, Choice]:
    """The base with the least MAPE, by the name of each ReLU right behind a BatchNormalization of constants."""
    found = {}
    for node in neurons_to_be(graph):
        source = graph.producer(node.inputs[0])
        if source is None or source.op != "BatchNormalization":
            continue
        factor, shift = (graph.value(t) for t in source.inputs[1:3])
        if factor is None or shift is None:
            continue
        scale = scales.neurons[neuron_output(graph, node).name].reshape(-1)
        found[node.name] = Choice(base=coding.best_base(shift / scale, np.abs(factor) / scale))
    return found
