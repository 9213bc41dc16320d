# SPDX-License-Identifier: Apache-2.0
"""onnxruntime-specific ops: each is expanded to equivalent standard ops, or refused by name with a remedy."""

from __future__ import annotations

import numpy as np
import onnx
import onnxruntime as ort
import pytest

from snncc.errors import UnsupportedOpError
from snncc.frontend.import_model import import_model

MICROSOFT = ', "com.microsoft": 1'
IMAGE = "g (float[N, 2, 5, 5] x) => (float[N, 2, 5, 5] y)"
FLAT = "g (float[N, 4] x) => (float[N, 4] y)"
SEQUENCE = "g (float[N, 5, 8] x) => (float[N, 5, 8] y)"
CONV = "pads = [1, 1, 1, 1], kernel_shape = [3, 3]"


def run(model: onnx.ModelProto, feeds: dict[str, np.ndarray]) -> list[np.ndarray]:
    """As the file says: onnxruntime 1.22 rewrites a FusedConv with a sum into one that it cannot run."""
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    return ort.InferenceSession(model.SerializeToString(), options, ["CPUExecutionProvider"]).run(None, feeds)


def same(model: onnx.ModelProto, atol: float = 2e-5, **others: np.ndarray) -> set[str]:
    """Fail unless the imported network computes what the file does; returns its ops."""
    shape = [d.dim_value or 3 for d in model.graph.input[0].type.tensor_type.shape.dim]
    feeds = {"x": np.random.default_rng(3).normal(0, 1.5, shape).astype(np.float32), **others}
    graph = import_model(model)
    assert {n.domain or "" for n in graph.nodes()} == {""}
    foreign = {o.domain for o in graph.to_proto().opset_import} - {""}
    assert not foreign or not any(n.domain for n in model.graph.node)
    for want, found in zip(run(model, feeds), run(graph.to_proto(), feeds), strict=True):
        np.testing.assert_allclose(found, want, atol=atol * max(1, np.abs(want).max()))
    return {n.op for n in graph.nodes()}


@pytest.mark.parametrize(
    ("activation", "parameters"),
    [
        ("Relu", ""),
        ("Tanh", ""),
        ("Sigmoid", ""),
        ("LeakyRelu", "activation_params = [0.3], "),
        ("HardSigmoid", "activation_params = [0.3, 0.4], "),
        ("Clip", "activation_params = [-0.2, 0.9], "),
        ("", ""),
    ],
)
@pytest.mark.parametrize("inputs", ["x, w", "x, w, b", "x, w, b, x", "x, w, , x"])
def test_fused_conv(network, activation, parameters, inputs) -> None:
    named = f'activation = "{activation}", ' if activation else ""
    body = f"{IMAGE} {{ c = com.microsoft.FusedConv <{named}{parameters}{CONV}> ({inputs}) y = Relu (c) }}"
    same(network(body, opset=17, domains=MICROSOFT, w=(2, 2, 3, 3), b=(2,)))


@pytest.mark.parametrize(
    "attributes",
    [
        'activation = "Relu"',
        'activation = "Relu", alpha = 0.5, beta = 1.5, transB = 1',
        'activation = "LeakyRelu", activation_alpha = 0.3',
        'activation = "Elu", activation_alpha = 0.7',
        'activation = "HardSigmoid", activation_alpha = 0.3, activation_beta = 0.4',
        'activation = "Selu", activation_alpha = 1.3, activation_gamma = 0.9',
        'activation = "Softplus"',
        'activation = "ThresholdedRelu", activation_alpha = 0.3',
    ],
)
@pytest.mark.parametrize("inputs", ["x, w", "x, w, b"])
def test_fused_gemm(network, attributes, inputs) -> None:
    body = f"{FLAT} {{ c = com.microsoft.FusedGemm <{attributes}> ({inputs}) y = Relu (c) }}"
    same(network(body, opset=17, domains=MICROSOFT, w=(4, 4), b=(4,)))


@pytest.mark.parametrize("op", ["FusedMatMul", "TransposeMatMul"])
def test_fused_matmul_of_weights_and_of_activations(network, op) -> None:
    """Also for a tensor of unknown rank."""
    middle = f"com.microsoft.{op} <transA = 1, alpha = 0.5> (t, t) q = com.microsoft.{op} <transB = 1> (t, w)"
    body = f"{SEQUENCE} {{ t = Relu (x) p = {middle} z = MatMul (q, p) y = Relu (z) }}"
    model = network(body, opset=13, domains=MICROSOFT, w=(8, 8))
    if op == "FusedMatMul":
        same(model)
    else:
        assert "Transpose" in {n.op for n in import_model(model).nodes()}


@pytest.mark.parametrize("batched", [(0, 0), (0, 1), (1, 0), (1, 1)])
@pytest.mark.parametrize("turned", [(0, 0), (0, 1), (1, 0), (1, 1)])
def test_fused_matmul_of_many_axes(network, batched, turned) -> None:
    def lying(sizes: list[int], number: int) -> list[int]:
        rows, columns = sizes[-2:][:: -1 if turned[number] else 1]
        return [rows, *sizes[:2], columns] if batched[number] else [*sizes[:2], rows, columns]

    first, second = lying([2, 3, 4, 5], 0), lying([2, 3, 5, 6], 1)
    attributes = "transA = {}, transB = {}, transBatchA = {}, transBatchB = {}".format(*turned, *batched)
    body = f"g (float{first} x, float{second} z) => (float[2, 3, 4, 6] y) {{ "
    body += f"c = com.microsoft.FusedMatMul <{attributes}> (x, z) y = Relu (c) }}"
    other = np.random.default_rng(1).normal(0, 1, second).astype(np.float32)
    same(network(body, opset=17, domains=MICROSOFT), z=other)


@pytest.mark.parametrize("opset", [12, 17, 21])
@pytest.mark.parametrize(
    ("call", "op"),
    [
        ("com.microsoft.Gelu (x)", "Gelu"),
        ("com.microsoft.FastGelu (x)", "Gelu"),
        ("com.microsoft.FastGelu (x, b)", "Gelu"),
        ("com.microsoft.BiasGelu (x, b)", "Gelu"),
        ("com.microsoft.QuickGelu <alpha = 1.2> (x)", "Sigmoid"),
        ("LayerNormalization <axis = -1, epsilon = 0.01> (x, g, b)", "LayerNormalization"),
        ("LayerNormalization <axis = 1> (x, m)", "LayerNormalization"),
        ("SimplifiedLayerNormalization <axis = -1, epsilon = 0.01> (x, g)", "ReduceMean"),
        ("com.microsoft.SkipLayerNormalization <epsilon = 0.01> (x, x, g)", "LayerNormalization"),
        ("com.microsoft.SkipLayerNormalization <epsilon = 0.01> (x, x, g, b, b)", "LayerNormalization"),
        ("com.microsoft.SkipSimplifiedLayerNormalization <epsilon = 0.01> (x, x, g, b)", "ReduceMean"),
        ("com.microsoft.Attention <num_heads = 2> (x, q, r)", "Softmax"),
        ("com.microsoft.Attention <num_heads = 2, unidirectional = 1, scale = 0.3> (x, q, r)", "Softmax"),
    ],
)
def test_curves_norms_and_attention(network, opset, call, op) -> None:
    body = f"{SEQUENCE} {{ c = {call} y = Relu (c) }}"
    weights = {"b": (8,), "g": (8,), "m": (5, 8), "q": (8, 24), "r": (24,)}
    assert op in same(network(body, opset=opset, domains=MICROSOFT, **weights))


def test_the_sum_in_front_of_a_norm_is_a_result(network) -> None:
    call = "a, , , s = com.microsoft.SkipLayerNormalization (x, x, g)"
    same(network(f"{SEQUENCE} {{ {call} c = Add (a, s) y = Relu (c) }}", domains=MICROSOFT, g=(8,)))


def test_embeddings(network) -> None:
    inputs = "g (int32[N, 5] x, int32[N, 5] s) => (float[N, 5, 8] y)"
    call = "a, m = com.microsoft.EmbedLayerNormalization (x, s, w, p, k, g, b)"
    model = network(
        f"{inputs} {{ {call} y = Relu (a) }}", domains=MICROSOFT, w=(7, 8), p=(9, 8), k=(2, 8), g=(8,), b=(8,)
    )
    ids = np.random.default_rng(1).integers(0, 7, (3, 5)).astype(np.int32)
    feeds = {"x": ids, "s": ids % 2}
    found = run(import_model(model).to_proto(), feeds)[0]
    np.testing.assert_allclose(found, run(model, feeds)[0], atol=1e-5)


def test_a_domain_that_is_not_stated(network) -> None:
    model = network(f'{FLAT} {{ c = com.microsoft.FusedGemm <activation = "Relu"> (x, w) y = Relu (c) }}', w=(4, 4))
    assert {n.op for n in import_model(model).nodes()} == {"Gemm", "Relu"}


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            'com.microsoft.FusedGemm <activation = "Foo"> (x, w)',
            "FusedGemm: an op of onnxruntime's own, with activation 'Foo'",
        ),
        (
            "com.microsoft.Attention <num_heads = 2> (x, q, , , p)",
            "Attention: an op of onnxruntime's own, with the keys",
        ),
        ("com.microsoft.Inverse (x)", "Inverse: an op of onnxruntime's own, of domain 'com.microsoft'"),
        ("com.microsoft.nchwc.Conv (x, w)", "Conv: an op of onnxruntime's own, of domain 'com.microsoft.nchwc'"),
    ],
)
def test_what_has_no_spelling_is_refused_by_name(network, call, message) -> None:
    domains = MICROSOFT + ', "com.microsoft.nchwc": 1'
    with pytest.raises(UnsupportedOpError) as caught:
        import_model(
            network(f"{FLAT} {{ [odd] c = {call} y = Relu (c) }}", domains=domains, w=(4, 4), q=(4, 12), p=(2,))
        )
    assert message in str(caught.value)
    assert "'odd'" in str(caught.value)
    assert "Give snncc the model as it was before onnxruntime optimised it" in str(caught.value)
