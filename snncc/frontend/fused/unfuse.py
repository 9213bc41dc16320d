# SPDX-License-Identifier: Apache-2.0
"""Replace each onnxruntime-specific op of a model by the standard ops that it was fused from.

A file that onnxruntime saved after optimisation then converts like any other network.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence

import onnx
from onnx import helper

from snncc.frontend.fused import attention, curves, norms, synapses
from snncc.frontend.fused.domains import CONTRIB
from snncc.frontend.fused.lines import Lines, Names, NoSpelling
from snncc.frontend.legality import refuse_nodes
from snncc.io.large_models import outline
from snncc.ir.nodes import all_nodes, opset_of

__all__ = ["unfused"]

log = logging.getLogger("snncc")

_SPELLINGS: dict[str, Callable[[Lines], None]] = {
    "Affine": curves.affine,
    "Attention": attention.attention,
    "BiasAdd": curves.biased,
    "BiasDropout": curves.biased,
    "BiasGelu": curves.biased_gelu,
    "BiasSoftmax": synapses.biased_softmax,
    "EmbedLayerNormalization": norms.embeddings,
    "FastGelu": curves.fast_gelu,
    "FusedConv": synapses.conv,
    "FusedGemm": synapses.gemm,
    "FusedMatMul": synapses.matmul,
    "FusedMatMulActivation": synapses.matmul_activation,
    "Gelu": curves.gelu,
    "ImageScaler": norms.image_scaler,
    "LayerNormalization": norms.layer,
    "ParametricSoftplus": curves.parametric_softplus,
    "QuickGelu": curves.quick_gelu,
    "ScaledTanh": curves.scaled_tanh,
    "SimplifiedLayerNormalization": norms.simplified,
    "SkipLayerNormalization": norms.skip_layer,
    "SkipSimplifiedLayerNormalization": norms.skip_simplified,
    "TransposeMatMul": synapses.matmul,
}


def unfused(model: onnx.ModelProto, name: str) -> onnx.ModelProto:
    """`model`, of opset 21 or later, changed in place.

    Raises:
        UnsupportedOpError: an op of onnxruntime's own is used in a form without equivalent standard ops.
    """
    work = _Unfuser(opset_of(model))
    work.rewrite(model.graph, None)
    refuse_nodes(name, work.reasons)
    if work.done:
        log.info("ops of onnxruntime's own: %d spelled out in standard ops", work.done)
        used = {n.domain for n in all_nodes(model.graph)} | {f.domain for f in model.functions}
        opsets = [o for o in model.opset_import if o.domain in used | {""}]
        del model.opset_import[:]
        model.opset_import.extend(opsets)
    return model


class _Unfuser:
    """Rewrites the nodes of a graph one by one, and of the graphs inside them."""

    def __init__(self, opset: int) -> None:
        self.opset = opset
        self.done = 0
        self.reasons: dict[str, list[str]] = {}  # "op: why" of nodes without an expansion: the nodes

    def rewrite(self, graph: onnx.GraphProto, outer: Names | None) -> None:
        """Rewrite `graph`, which is nested in graphs with the names `outer`."""
        names, before = Names(graph, outer), self.done
        kept: list[onnx.NodeProto] = []
        if outer is None:
            names.learn = lambda: _inferred(graph, kept, self.opset)
        for node in graph.node:
            for attribute in node.attribute:
                if attribute.HasField("g"):
                    self.rewrite(attribute.g, names)
            lines = self._spelled(node, names)
            if lines is None:
                kept.append(node)
                continue
            self.done += 1
            kept += lines.nodes
            graph.initializer.extend(lines.constants)
        if self.done > before:
            nodes = onnx.GraphProto(node=kept)
            graph.ClearField("node")
            graph.node.extend(nodes.node)

    def _spelled(self, node: onnx.NodeProto, names: Names) -> Lines | None:
        spell = _SPELLINGS.get(node.op_type) if node.domain == CONTRIB else None
        if spell is None:
            return None
        lines = Lines(node, names)
        try:
            spell(lines)
        except NoSpelling as error:
            reason = f"{node.op_type}: an op of onnxruntime's own, {error}"
            self.reasons.setdefault(reason, []).append(node.name or node.output[0])
            return None
        return lines


def _inferred(graph: onnx.GraphProto, nodes: Sequence[onnx.NodeProto], opset: int) -> Iterable[onnx.ValueInfoProto]:
    """The results of shape inference for `nodes`, the first ones of `graph`."""
    part = helper.make_graph([n for n in nodes if n.domain == ""], graph.name, graph.input, (), graph.initializer)
    sketch = outline(helper.make_model(part, opset_imports=[helper.make_opsetid("", opset)]))
    return list(onnx.shape_inference.infer_shapes(sketch).graph.value_info)
