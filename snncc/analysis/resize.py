# SPDX-License-Identifier: Apache-2.0
"""Express a Resize axis by axis: the inputs from which each output is interpolated."""

from __future__ import annotations

from snncc.ir.graph import Graph, Node

__all__ = ["unsupported_resize"]

_ROI, _SCALES, _SIZES = 1, 2, 3


def unsupported_resize(graph: Graph, node: Node) -> str | None:
    """Why a Resize is not known to be linear in each sample's values; None if it is."""
    if node.attrs.get("coordinate_transformation_mode", "half_pixel") == "tf_crop_and_resize":
        return "crops to a region of interest and fills up"
    given = [t for t in node.inputs[_SCALES:] if t.name]
    value = graph.value(given[0]) if given else None
    if value is None:
        return "its sizes are computed, export with a fixed image size"
    axes = node.attrs.get("axes") or list(range(len(graph.shape(node.inputs[0]) or ())))
    scales = len(node.inputs) <= _SIZES or not node.inputs[_SIZES].name
    if 0 in axes and (not scales or value[axes.index(0)] != 1):
        return "it states the batch size, export with a dynamic batch"
    return None
