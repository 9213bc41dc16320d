# SPDX-License-Identifier: Apache-2.0
"""Convert GroupNormalization of opsets 18 to 20 (scale and bias per group) to the later form (per channel)."""

from __future__ import annotations

import numpy as np

from snncc.ir.graph import Graph, Node

__all__ = ["by_channel"]


def by_channel(graph: Graph) -> None:
    """Repeat scales and biases of groups for their channels."""
    for node in graph.nodes("GroupNormalization"):
        shape = graph.shape(node.inputs[0]) or (None, None)
        groups = int(node.attrs["num_groups"])
        if isinstance(shape[1], int) and shape[1] != groups:
            _repeat(graph, node, np.arange(shape[1]) // (shape[1] // groups))


def _repeat(graph: Graph, node: Node, channels: np.ndarray[tuple[int, ...], np.dtype[np.int64]]) -> None:
    groups = len(set(channels.tolist()))
    for index in (1, 2):
        tensor = node.inputs[index]
        if graph.shape(tensor) != (groups,):
            continue
        value = graph.value(tensor)
        if value is not None:
            node.inputs[index] = graph.constant(f"{node.name}_by_channel", value[channels])
        else:
            places = graph.constant(f"{node.name}_channels", channels)
            node.inputs[index] = graph.add("Gather", [tensor, places], name=f"{node.name}_by_channel")
            node.inputs[index].shape = [len(channels)]
