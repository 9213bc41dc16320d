# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from onnx import numpy_helper

from snncc.ir.graph import Graph
from snncc.passes.finalise.quantise_weights import QuantiseWeights

CASES = {  # (layer, weights, input, output, axis of the stored weights' output channels)
    "conv": ("Conv <group=2> (x, w, c)", {"w": (4, 1, 3, 3), "c": (4,)}, "N,2,5,6", "N,4,H,W", 0),
    "transposed": ("ConvTranspose (x, w)", {"w": (3, 4, 2, 2)}, "N,3,5,6", "N,4,H,W", 1),
    "grouped": ("ConvTranspose <group=3> (x, w)", {"w": (3, 4, 2, 2)}, "N,3,5,6", "N,12,H,W", 1),
    "gemm": ("Gemm <alpha=0.5> (x, w, c)", {"w": (3, 4), "c": (4,)}, "N,3", "N,4", 0),
    "rows": ("Gemm <transB=1> (x, w)", {"w": (4, 3)}, "N,3", "N,4", 0),
    "matrix": ("MatMul (x, w)", {"w": (3, 4)}, "N,3", "N,4", 0),
    "sequence": ("MatMul (x, w)", {"w": (3, 4)}, "N,5,3", "N,5,4", 2),
    "stack": ("MatMul (x, w)", {"w": (2, 3, 4)}, "N,2,5,3", "N,2,5,4", 2),
    "graph": ("MatMul (w, x)", {"w": (5, 4)}, "N,4,3", "N,5,3", 0),
}


def weights_of(model: onnx.ModelProto) -> tuple[np.ndarray, np.ndarray, int | None]:
    """(Integers, scale, axis) of the only DequantizeLinear."""
    (node,) = (n for n in model.graph.node if n.op_type == "DequantizeLinear")
    values = {t.name: numpy_helper.to_array(t) for t in model.graph.initializer}
    axes = [a.i for a in node.attribute if a.name == "axis"]
    return values[node.input[0]], values[node.input[1]], axes[0] if axes else None


@pytest.fixture
def quantised(build, assert_equivalent):
    """`quantised(case, per_channel)`: (before, after), no further apart than rounding of the weights makes them."""

    def run(case: str, *, per_channel: bool = True) -> tuple[onnx.ModelProto, onnx.ModelProto]:
        layer, weights, given, made, _ = CASES[case]
        before = build(f"net (float[{given}] x) => (float[{made}] y) {{ y = {layer} }}", weights)
        graph = Graph.from_proto(before)
        graph.infer_shapes()
        assert QuantiseWeights(per_channel).run(graph) == 1
        assert QuantiseWeights(per_channel).run(graph) == 0
        after = graph.to_proto()
        assert_equivalent(before, after, rtol=0, atol=0.05)
        return before, after

    return run


@pytest.mark.parametrize("case", CASES)
def test_every_channel_has_its_own_scale(quantised, case) -> None:
    before, after = quantised(case)
    whole, scale, axis = weights_of(after)
    assert (whole.dtype, axis) == (np.int8, CASES[case][4])
    assert scale.shape == (whole.shape[axis],)
    others = tuple(a for a in range(whole.ndim) if a != axis)
    assert (np.abs(whole.astype(int)).max(axis=others) == 127).all()
    original = next(numpy_helper.to_array(t) for t in before.graph.initializer if t.name == "w")
    restored = np.sort((whole * np.expand_dims(scale, others)).ravel())
    assert np.abs(restored - np.sort(original.ravel())).max() <= scale.max() / 2 * 1.001


@pytest.mark.parametrize("case", ["conv", "gemm", "matrix"])
def test_one_scale_for_all(quantised, case) -> None:
    whole, scale, axis = weights_of(quantised(case, per_channel=False)[1])
    assert (scale.shape, axis) == ((), None)
    assert np.abs(whole.astype(int)).max() == 127


@pytest.mark.parametrize("case", CASES)
def test_onnxruntime_leaves_activations_as_they_are(quantised, case) -> None:
    """Behind DequantizeLinear it may put kernels that round activations to 8 bits; integers show it if it does."""
    after = quantised(case)[1]
    scale = weights_of(after)[1]
    for tensor in after.graph.initializer:
        if tensor.name.endswith("_scale"):
            tensor.CopyFrom(numpy_helper.from_array(np.ones_like(scale), tensor.name))
    shape = [d.dim_value or 2 for d in after.graph.input[0].type.tensor_type.shape.dim]
    x = np.random.default_rng(1).integers(-(2**12), 2**12, shape).astype(np.float32)
    biases = [numpy_helper.to_array(t) for t in after.graph.initializer if t.name == "c"]
    options = ort.SessionOptions()
    (y,) = ort.InferenceSession(after.SerializeToString(), options, ["CPUExecutionProvider"]).run(None, {"x": x})
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    (exact,) = ort.InferenceSession(after.SerializeToString(), options, ["CPUExecutionProvider"]).run(None, {"x": x})
    np.testing.assert_allclose(y, exact, rtol=1e-6, atol=1.0 * bool(biases))


def test_a_shared_weight_is_stored_once(build) -> None:
    body = "h = Conv (x, w) r = Relu (h) y = Conv (r, w)"
    model = build(f"net (float[N,4,8,8] x) => (float[N,4,H,W] y) {{ {body} }}", {"w": (4, 4, 3, 3)})
    graph = Graph.from_proto(model)
    assert QuantiseWeights().run(graph) == 2
    after = graph.to_proto()
    assert [n.op_type for n in after.graph.node].count("DequantizeLinear") == 1
    assert len({n.input[1] for n in after.graph.node if n.op_type == "Conv"}) == 1


def test_a_channel_of_zeros_stays_one(build, assert_equivalent) -> None:
    model = build("net (float[N,3] x) => (float[N,4] y) { y = Gemm (x, w) }", {"w": (3, 4)})
    values = numpy_helper.to_array(model.graph.initializer[0]).copy()
    values[:, 2] = 0
    model.graph.initializer[0].CopyFrom(numpy_helper.from_array(values, "w"))
    graph = Graph.from_proto(model)
    graph.infer_shapes()
    QuantiseWeights().run(graph)
    after = graph.to_proto()
    whole, scale, _ = weights_of(after)
    assert not whole[2].any()
    assert np.isfinite(scale).all()
    assert_equivalent(model, after, rtol=0, atol=0.05)


def test_computed_weights_are_left_alone(build) -> None:
    model = build("net (float[N,4] x) => (float[N,N] y) { t = Transpose (x) y = MatMul (x, t) }", {})
    assert QuantiseWeights().run(Graph.from_proto(model)) == 0


@pytest.mark.parametrize("kind", ["float16", "double"])
def test_other_types_of_activations(kind) -> None:
    """DequantizeLinear gives float32 whatever the network's type: scales need its range."""
    text = f'<ir_version: 10, opset_import: ["": 21]> net ({kind}[N,3] x) => ({kind}[N,4] y) {{ y = MatMul (x, w) }}'
    model = onnx.parser.parse_model(text)
    dtype = np.dtype(kind)
    weights = np.random.default_rng(1).normal(0, 0.5, (3, 4)).astype(dtype)
    model.graph.initializer.append(numpy_helper.from_array(weights, "w"))
    graph = Graph.from_proto(model)
    graph.infer_shapes()
    assert QuantiseWeights().run(graph) == 1
    after = graph.to_proto()
    onnx.checker.check_model(after, full_check=True)
    x = np.random.default_rng(2).normal(0, 1, (5, 3)).astype(dtype)
    (y,) = ort.InferenceSession(after.SerializeToString(), providers=["CPUExecutionProvider"]).run(None, {"x": x})
    np.testing.assert_allclose(y, x @ weights, atol=0.02)
