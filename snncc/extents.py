# SPDX-License-Identifier: Apache-2.0
"""The range of what ops that are not linear read and compute: of pre-activations, and of analog islands."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from snncc.graph import Graph
from snncc.passes.lower_activations import activation_of
from snncc.sessions import cpu_session
from snncc.vocabulary import ANALOG

__all__ = ["extents"]

_BATCH = 32

Extents = dict[str, tuple[float, float]]


def extents(graph: Graph, data: Mapping[str, npt.NDArray[Any]]) -> tuple[Extents, Extents]:
    """Two kinds of (lowest, highest) values.

    Args:
        graph: The prepared network.
        data: Samples {input: [n, …]}.

    Returns:
        Of the pre-activation of each activation that is no ReLU, by its node (passes may give the tensor another name);
        and of what each op computes that is not linear, by tensor.
    """
    nodes = graph.nodes(*ANALOG)
    found = {n.name: activation_of(graph, n) for n in nodes}
    sources = {name: match[1].name for name, match in found.items() if match is not None}
    results = [t.name for n in nodes for t in n.outputs]
    measured = _measured(graph, data, sorted({*sources.values(), *results}))
    return {n: measured[t] for n, t in sources.items()}, {t: measured[t] for t in results}


def _measured(graph: Graph, data: Mapping[str, npt.NDArray[Any]], tensors: list[str]) -> Extents:
    if not tensors:
        return {}
    fixed = (graph.shape(graph.inputs[0]) or (None,))[0]
    size = fixed if isinstance(fixed, int) else _BATCH
    session = cpu_session(graph.to_proto(), tensors)
    found = dict.fromkeys(tensors, (np.inf, -np.inf))
    for start in range(0, len(next(iter(data.values()))), size):
        values = session.run(None, {k: v[start : start + size] for k, v in data.items()})
        for name, value in zip(tensors, values, strict=True):
            low, high = found[name]
            found[name] = min(low, float(value.min(initial=np.inf))), max(high, float(value.max(initial=-np.inf)))
    return found
