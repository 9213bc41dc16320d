# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import numpy as np
import pytest
from onnx import numpy_helper

import snncc
from snncc.ir.graph import Graph
from snncc.passes.finalise.quantise_weights import QuantiseWeights
from snncc.passes.normalise.hoist_scales import HoistScales
from snncc.passes.normalise.round_weights import RoundWeights

LAYERS = {
    "conv": ("Conv <group=2> (x, w)", (4, 1, 3, 3), "N,2,5,6", "N,4,H,W"),
    "transposed": ("ConvTranspose (x, w)", (3, 4, 2, 2), "N,3,5,6", "N,4,H,W"),
    "gemm": ("Gemm (x, w)", (3, 4), "N,3", "N,4"),
    "matrix": ("MatMul (x, w)", (3, 4), "N,3", "N,4"),
}


def integers(graph: Graph) -> np.ndarray:
    QuantiseWeights().run(graph)
    (node,) = graph.nodes("DequantizeLinear")
    value = graph.value(node.inputs[0])
    assert value is not None
    return value


@pytest.mark.parametrize("layer", LAYERS)
def test_weights_are_what_they_will_be_as_integers(build, assert_equivalent, layer) -> None:
    text, shape, given, made = LAYERS[layer]
    before = build(f"net (float[{given}] x) => (float[{made}] y) {{ y = {text} }}", {"w": shape})
    rounded, plain = Graph.from_proto(before), Graph.from_proto(before)
    for graph in (rounded, plain):
        graph.infer_shapes()
    assert RoundWeights().run(rounded) == 1
    after = rounded.to_proto()
    assert_equivalent(before, after, rtol=0, atol=0.05)
    weights = {t.name: numpy_helper.to_array(t) for t in after.graph.initializer}
    kept = integers(rounded)
    np.testing.assert_array_equal(kept, integers(plain))
    assert_equivalent(after, rounded.to_proto())
    assert any(v.shape == shape for v in weights.values())


def test_scaling_whole_channels_keeps_the_integers(build) -> None:
    body = "c = Conv (x, w) y = Mul (c, gain)"
    model = build(f"net (float[N,3,5,6] x) => (float[N,4,H,W] y) {{ {body} }}", {"w": (4, 3, 3, 3), "gain": (4, 1, 1)})
    graph = Graph.from_proto(model)
    graph.infer_shapes()
    RoundWeights().run(graph)
    whole = integers(graph.copy())
    assert HoistScales().run(graph) == 1
    found = integers(graph)
    gain = next(numpy_helper.to_array(t) for t in model.graph.initializer if t.name == "gain")
    np.testing.assert_array_equal(found, whole * np.sign(gain).astype(np.int8).reshape(4, 1, 1, 1))


def test_potentials_are_matched_with_the_rounding_in_place(build) -> None:
    """A bias of the rounding, which a positive input makes, is gone from the outputs."""
    body = "c = Conv (x, w) r = Relu (c) g = GlobalAveragePool (r) f = Flatten (g) y = Gemm (f, v)"
    model = build(f"net (float[N,3,6,6] x) => (float[N,4] y) {{ {body} }}", {"w": (4, 3, 3, 3), "v": (4, 4)})
    images = np.random.default_rng(1).uniform(0, 1, (64, 3, 6, 6)).astype(np.float32)
    errors = []
    for match in (False, True):
        snn = snncc.convert(model, snncc.FS(K=16), calibration=images, weights="int8", match=match)
        made = snncc.evaluate(snn, model, images)
        errors.append(made.output_error)
    assert errors[1] < 0.5 * errors[0]
