# SPDX-License-Identifier: Apache-2.0
"""The graph that passes edit: a facade for onnx-graphsurgeon, which no other module imports.

It adds to graphsurgeon: persistent model metadata, edits that preserve graph outputs, unique names, and queries of
shapes. Constants are never edited in place: graphsurgeon shares one object between all their users.
"""

from __future__ import annotations

from snncc.ir.graph.conversion import Graph
from snncc.ir.graph.queries import Node, Shape, Tensor

__all__ = ["Graph", "Node", "Shape", "Tensor"]
