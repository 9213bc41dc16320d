# SPDX-License-Identifier: Apache-2.0
"""Untrained networks for text: a bidirectional LSTM on token ids, and Text-GCN on a small graph."""

from __future__ import annotations

import numpy as np
import onnx

from snncc.models import bilstm_imdb as recurrent
from snncc.models import text_gcn as graph
from snncc.models.builder import Array
from snncc.models.text_graph import Edges

__all__ = ["VOCABULARY", "bilstm_imdb", "text_gcn"]

VOCABULARY = 500


def bilstm_imdb(seed: int = 0, *, length: int = 40, units: int = 64, classes: int = 2) -> onnx.ModelProto:
    """Embedding, bidirectional LSTM, maximum over time, two linear layers: int64 [N, length] -> [N, classes].

    Weights are uniform: of the LSTM within the inverse square root of the number of units, as torch begins with, of
    linear layers with the variance of He.
    """
    rng = np.random.default_rng(seed)

    def uniform(*shape: int, width: float) -> Array:
        return rng.uniform(-(width**-0.5), width**-0.5, shape).astype(np.float32)

    weights = {"embed.weight": rng.standard_normal((VOCABULARY, units)).astype(np.float32)}
    for side in ("", "_reverse"):
        for part in ("ih", "hh"):
            weights[f"lstm.weight_{part}_l0{side}"] = uniform(4 * units, units, width=units)
            weights[f"lstm.bias_{part}_l0{side}"] = uniform(4 * units, width=units)
    for name, rows, columns in (("hidden", units, 2 * units), ("fc", classes, units)):
        weights[f"{name}.weight"] = uniform(rows, columns, width=columns / 6)
        weights[f"{name}.bias"] = uniform(rows, width=columns)
    return recurrent.build(weights, length)


def text_gcn(seed: int = 0, *, nodes: int = 300, neighbours: int = 8, classes: int = 8) -> onnx.ModelProto:
    """Two graph convolutions over a random graph with loops: [N, nodes] -> [N, nodes, classes]."""
    rng = np.random.default_rng(seed)
    near = np.zeros((nodes, nodes), bool)
    near[np.arange(nodes)[:, None], rng.integers(0, nodes, (nodes, neighbours))] = True
    adjacent = near | near.T | np.eye(nodes, dtype=bool)
    targets, sources = np.nonzero(adjacent)
    degrees = adjacent.sum(1)
    weights = (degrees[sources] * degrees[targets]) ** -0.5
    edges = Edges(sources, targets, weights.astype(np.float32), nodes)
    hidden = 200
    return graph.build(edges, rng.normal(0, 1, (nodes, hidden)), rng.normal(0, hidden**-0.5, (hidden, classes)))
