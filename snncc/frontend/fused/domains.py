# SPDX-License-Identifier: Apache-2.0
"""Determine the domain of a node, including omitted and alternative domain names.

onnxruntime defines further ops in the standard domain, at any opset. They are moved to onnxruntime's domain, which the
opset converter ignores.
"""

from __future__ import annotations

from collections.abc import Iterator

import onnx
from onnx import helper

from snncc.ir.nodes import all_nodes

__all__ = ["CONTRIB", "with_domains"]

CONTRIB = "com.microsoft"

_SINCE = {"LayerNormalization": 17, "Gelu": 20}  # the first opset that has them
_NEVER = frozenset({"Affine", "ImageScaler", "ParametricSoftplus", "ScaledTanh", "SimplifiedLayerNormalization"})


def with_domains(model: onnx.ModelProto) -> onnx.ModelProto:
    """`model`, changed in place: used domains are imported, and the standard domain contains standard ops only."""
    for opset in model.opset_import:
        opset.domain = "" if opset.domain == "ai.onnx" else opset.domain  # two names of one domain
    version = next((o.version for o in model.opset_import if o.domain == ""), 0)
    for node in _nodes(model):
        if node.domain in ("", "ai.onnx") and (node.op_type in _NEVER or version < _SINCE.get(node.op_type, 0)):
            node.domain = CONTRIB
    _import_all(model)
    return model


def _import_all(model: onnx.ModelProto) -> None:
    """Import a version of each non-standard domain, including those of the model's own functions."""
    defined = {f.domain for f in model.functions}
    used = sorted({n.domain for n in _nodes(model)} - {"", "ai.onnx"})
    for imports in (model.opset_import, *(f.opset_import for f in model.functions)):
        stated = {o.domain for o in imports}
        imports.extend(helper.make_opsetid(d, 1) for d in used if d not in stated)
    stated = {o.domain for o in model.opset_import}
    model.opset_import.extend(helper.make_opsetid(d, 1) for d in sorted(defined - stated - {"", "ai.onnx"}))


def _nodes(model: onnx.ModelProto) -> Iterator[onnx.NodeProto]:
    yield from all_nodes(model.graph)
    for function in model.functions:
        yield from all_nodes(onnx.GraphProto(node=function.node))
