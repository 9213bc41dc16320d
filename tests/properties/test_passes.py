# SPDX-License-Identifier: Apache-2.0
"""Each pass preserves the computed function, or, where ReLUs become neurons, approximates it within the code."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import onnx
import pytest
from hypothesis import given, note, settings
from hypothesis import strategies as st

import snncc
from snncc.analysis.constant_folding import fold_constants
from snncc.calibration.calibrate import ScaleMethod, calibrate
from snncc.coding.scales import FOLDS, Scales
from snncc.compiler.export import export_model
from snncc.ir.graph import Graph
from snncc.ops import DOMAIN
from snncc.passes.base import Pass
from snncc.passes.finalise.fuse_residual import FuseResidual
from snncc.passes.lower.encode_input import EncodeInput
from snncc.passes.lower.lower_relu import LowerRelu
from snncc.passes.pipeline import canonicalisation, finalisation, legalisation, lowering, normalisation
from tests.effort import EXAMPLES
from tests.properties.graphs import close, feeds_of, relu_graphs, run

FINE = snncc.FS(K=20)
FOLD = st.sampled_from(FOLDS)
Feeds = dict[str, np.ndarray]


def exported(graph: Graph) -> onnx.ModelProto:
    model = graph.to_proto()
    if any(node.domain == DOMAIN for node in model.graph.node):
        export_model(model, {"snncc.version": "0"})
    onnx.checker.check_model(model, full_check=True)
    return model


def keeps(graph: Graph, passes: Sequence[Pass], feeds: Feeds, tolerance: float) -> None:
    """Apply the passes one after the other, and compare the network before and after each one."""
    expected = run(exported(graph), feeds)
    for each in passes:
        note(f"pass {each}")
        each.requires(graph)
        each.run(graph)
        each.ensures(graph)
        graph.infer_shapes()
        found = run(exported(graph), feeds)
        for a, b in zip(expected, found, strict=True):
            close(a, b, tolerance)
        expected = found


def scales_of(graph: Graph, feeds: Feeds, fold_bn: str) -> Scales:
    """Scales that leave room: what they are should not matter, as long as nothing is above them."""
    scales = calibrate(graph, FINE, ScaleMethod(scale="max"), feeds).scales(FINE)
    rng = np.random.default_rng(0)
    roomy = {name: scale * rng.uniform(1, 3, scale.shape) for name, scale in scales.neurons.items()}
    return replace(scales, neurons=roomy, normalize="none" if fold_bn == "threshold" else "channel")


def passes_keep(model: onnx.ModelProto, fold_bn: str) -> None:
    feeds = feeds_of(model)
    graph = Graph.from_proto(model)
    fold_constants(graph)
    graph.infer_shapes()
    keeps(graph, [*canonicalisation(), *legalisation(snncc.Rate())], feeds, 1e-4)
    scales = scales_of(graph, feeds, fold_bn)
    keeps(graph, normalisation(scales, fold_bn), feeds, 1e-4)
    residual = graph.copy()
    keeps(graph, [*lowering(FINE, scales), *finalisation({}, {}, fold_bn=fold_bn)], feeds, 1e-3)
    fusing_keeps(residual, scales, feeds)


def fusing_keeps(graph: Graph, scales: Scales, feeds: Feeds) -> None:
    """Shortcuts fuse with neurons of phase coding only, and give the very same spikes."""
    coding = snncc.Phase(T=16, Q=1.3)
    for each in (LowerRelu(coding, scales.neurons), EncodeInput(coding, scales.inputs)):
        each.run(graph)
        graph.infer_shapes()
    keeps(graph, [FuseResidual()], feeds, 0.0)


@given(relu_graphs(), FOLD)
@settings(max_examples=8)
def test_each_pass_keeps_the_function(model: onnx.ModelProto, fold_bn: str) -> None:
    passes_keep(model, fold_bn)


@pytest.mark.slow
@given(relu_graphs(most=14), FOLD)
@settings(max_examples=EXAMPLES)
def test_each_pass_keeps_the_function_of_many(model: onnx.ModelProto, fold_bn: str) -> None:
    passes_keep(model, fold_bn)
