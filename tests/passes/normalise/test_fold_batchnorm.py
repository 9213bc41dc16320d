# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import numpy as np
import pytest
from onnx import numpy_helper

from snncc.ir.graph import Graph
from snncc.passes.normalise.fold_batchnorm import FoldBatchNorm

BN = {"g": (4,), "b": (4,), "m": (4,), "var": (4,)}
HEAD = "net (float[N,{c},5,6] x) => (float[N,{o},H,W] y)"


@pytest.mark.parametrize(
    ("layer", "weights", "channels"),
    [
        ("Conv <pads=[1,1,1,1]> (x, w)", {"w": (4, 3, 3, 3)}, 3),
        ("Conv <pads=[1,0,0,1]> (x, w, c)", {"w": (4, 3, 3, 3), "c": (4,)}, 3),
        ("Conv <group=2> (x, w, c)", {"w": (4, 1, 3, 3), "c": (4,)}, 2),
        ("ConvTranspose (x, w, c)", {"w": (3, 4, 3, 3), "c": (4,)}, 3),
        ("ConvTranspose <group=2, strides=[2,2]> (x, w)", {"w": (6, 2, 3, 3)}, 6),
    ],
)
def test_folds_behind_a_convolution(build, apply, ops, layer, weights, channels) -> None:
    text = f"{HEAD.format(c=channels, o=4)} {{ h = {layer} y = BatchNormalization <epsilon=0.01> (h, g, b, m, var) }}"
    count, after = apply(FoldBatchNorm(), build(text, weights | BN))
    assert count == 1
    assert ops(after) == [layer.split()[0]]


@pytest.mark.parametrize(
    ("layer", "weights"),
    [
        ("Gemm (x, w, c)", {"w": (3, 4), "c": (4,)}),
        ("Gemm <transB=1, alpha=0.5, beta=2.0> (x, w, c)", {"w": (4, 3), "c": (1, 4)}),
        ("Gemm <beta=3.0> (x, w, c)", {"w": (3, 4), "c": (1,)}),
        ("Gemm (x, w)", {"w": (3, 4)}),
        ("MatMul (x, w)", {"w": (3, 4)}),
    ],
)
def test_folds_behind_a_matrix_product(build, apply, ops, layer, weights) -> None:
    text = f"net (float[N,3] x) => (float[N,4] y) {{ h = {layer} y = BatchNormalization (h, g, b, m, var) }}"
    count, after = apply(FoldBatchNorm(), build(text, weights | BN))
    assert count == 1
    assert "BatchNormalization" not in ops(after)


@pytest.mark.parametrize(
    "layer", ["Conv (x2, w, c)", "Conv <group=2> (x2, w2, c)", "Conv <auto_pad='VALID'> (x2, w, c)"]
)
def test_folds_before_a_convolution_without_padding(build, apply, ops, layer) -> None:
    layer = layer.replace("'", '"')
    text = f"{HEAD.format(c=4, o=6)} {{ x2 = BatchNormalization (x, g, b, m, var) y = {layer} }}"
    count, after = apply(FoldBatchNorm(), build(text, BN | {"w": (6, 4, 3, 3), "w2": (6, 2, 3, 3), "c": (6,)}))
    assert count == 1
    assert ops(after) == ["Conv"]


def test_a_shift_does_not_pass_through_padding(build, apply, ops, skips) -> None:
    text = f"{HEAD.format(c=4, o=6)} {{ x2 = BatchNormalization (x, g, b, m, var) y = Conv <pads=[1,1,1,1]> (x2, w) }}"
    count, after = apply(FoldBatchNorm(), build(text, BN | {"w": (6, 4, 3, 3)}))
    assert count == 0
    assert ops(after) == ["BatchNormalization", "Conv"]
    assert "pads with zeros" in skips()


def test_without_a_shift_padding_does_not_matter(build, apply, ops) -> None:
    text = f"{HEAD.format(c=4, o=6)} {{ x2 = BatchNormalization (x, g, b, m, var) y = Conv <pads=[1,1,1,1]> (x2, w) }}"
    model = build(text, BN | {"w": (6, 4, 3, 3)})
    for tensor in model.graph.initializer:
        if tensor.name in ("b", "m"):
            tensor.CopyFrom(numpy_helper.from_array(np.zeros(4, np.float32), tensor.name))
    count, after = apply(FoldBatchNorm(), model)
    assert count == 1
    assert ops(after) == ["Conv"]


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("h = Conv (x, w) z = BatchNormalization (h, g, b, m, var) y = Add (z, h)", "has other users"),
        ("h = Relu (x) y = BatchNormalization (h, g, b, m, var)", "no synapse in front"),
        ("v = Identity (w) h = Conv (x, v) y = BatchNormalization (h, g, b, m, var)", "is not a constant"),
    ],
)
def test_says_why_not(build, apply, skips, body, reason) -> None:
    model = build(f"{HEAD.format(c=4, o=4)} {{ {body} }}", BN | {"w": (4, 4, 3, 3)})
    assert apply(FoldBatchNorm(), model)[0] == 0
    assert reason in skips()


def test_training_mode_is_refused(build, skips) -> None:
    body = "h = Conv (x, w) y, a, c = BatchNormalization <training_mode=1> (h, g, b, m, var)"
    model = build(f"{HEAD.format(c=4, o=4)} {{ {body} }}", BN | {"w": (4, 4, 3, 3)})
    assert FoldBatchNorm().run(Graph.from_proto(model)) == 0
    assert "training mode" in skips()


def test_a_shared_weight_is_not_rescaled_for_its_other_user(build, apply) -> None:
    body = "h = Conv (x, w) k = Conv (x, w) z = BatchNormalization (h, g, b, m, var) y = Add (z, k)"
    count, after = apply(FoldBatchNorm(), build(f"{HEAD.format(c=4, o=4)} {{ {body} }}", BN | {"w": (4, 4, 3, 3)}))
    assert count == 1
    assert len({n.input[1] for n in after.graph.node if n.op_type == "Conv"}) == 2


@pytest.mark.parametrize(
    ("body", "spare", "reason"),
    [
        ("h = Relu (x) y = BatchNormalization (h, g, b, m, var)", False, "no synapse alone behind it"),
        (
            "v = Identity (g) h = Conv (x, w) y = BatchNormalization (h, v, b, m, var)",
            False,
            "parameters are not constants",
        ),
        (
            "h = Conv (x, w) z = BatchNormalization (h, g, b, m, var) y = Relu (z)",
            True,
            "neuron behind it has a threshold",
        ),
    ],
)
def test_what_is_not_folded(build, apply, skips, body, spare, reason) -> None:
    model = build(f"{HEAD.format(c=4, o=4)} {{ {body} }}", BN | {"w": (4, 4, 3, 3)})
    assert apply(FoldBatchNorm(spare), model)[0] == 0
    assert reason in skips()
