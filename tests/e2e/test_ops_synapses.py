# SPDX-License-Identifier: Apache-2.0
"""Every kind of synapse and of BatchNormalization, on a potential and on spikes: the SNN follows the network."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from onnx import numpy_helper

NORM = {"g": [1.0, -2.0, 0.5, 1.5], "beta": [0.1, 0.2, -0.3, 0.0], "mu": [0.2, 0.0, -0.1, 0.3], "var": [0.5, 1, 2, 0.8]}
BN = "BatchNormalization"
PADS = "pads = [1,1,1,1]"

CASES = {
    "grouped": (f"{{y}} = Conv <group = 2, {PADS}> ({{x}}, k)", {"k": (6, 2, 3, 3)}),
    "depthwise": ("{y} = Conv <group = 4, strides = [2,2]> ({x}, k)", {"k": (4, 1, 3, 3)}),
    "dilated": ("{y} = Conv <dilations = [2,1], pads = [2,1,2,1]> ({x}, k)", {"k": (3, 4, 3, 3)}),
    "uneven pads": ("{y} = Conv <pads = [0,1,2,1]> ({x}, k)", {"k": (3, 4, 3, 3)}),
    "same upper": ('{y} = Conv <auto_pad = "SAME_UPPER", strides = [2,2]> ({x}, k)', {"k": (3, 4, 3, 4)}),
    "same lower": ('{y} = Conv <auto_pad = "SAME_LOWER", strides = [2,2]> ({x}, k)', {"k": (3, 4, 4, 3)}),
    "transposed": (
        "{y} = ConvTranspose <strides = [2,2], output_padding = [1,0], pads = [1,0,0,1]> ({x}, k)",
        {"k": (4, 3, 3, 3)},
    ),
    "transposed, grouped": (
        "{y} = ConvTranspose <group = 2, strides = [2,1]> ({x}, k, b)",
        {"k": (4, 3, 3, 2), "b": (6,)},
    ),
    "transposed to a shape": (
        "{y} = ConvTranspose <strides = [2,2], output_shape = [12,12]> ({x}, k)",
        {"k": (4, 3, 3, 3)},
    ),
    "of one axis": (
        "{x}s = Reshape ({x}, line) {y} = Conv <group = 2, pads = [1,1]> ({x}s, k, b)",
        {"line": [0, 4, 36], "k": (6, 2, 3), "b": (6,)},
    ),
    "of three axes": (
        "{x}s = Reshape ({x}, box) {y} = Conv <strides = [1,1,2]> ({x}s, k)",
        {"box": [0, 2, 2, 6, 6], "k": (3, 2, 2, 3, 2)},
    ),
    "Gemm": ("{x}f = Flatten ({x}) {y} = Gemm <alpha = 0.5, beta = 2.0> ({x}f, k, b)", {"k": (144, 5), "b": (5,)}),
    "MatMul": ("{y} = MatMul ({x}, k)", {"k": (6, 5)}),
    "MatMul from the left": ("{y} = MatMul (k, {x})", {"k": (5, 6)}),
    "MatMul, batched": ("{y} = MatMul ({x}, k)", {"k": (4, 6, 5)}),
    "MatMul, batched, from the left": ("{y} = MatMul (k, {x})", {"k": (4, 5, 6)}),
    "MatMul with a vector": ("{y} = MatMul ({x}, k)", {"k": (6,)}),
    "Einsum": ('{y} = Einsum <equation = "nchw,wo->ncho"> ({x}, k)', {"k": (6, 5)}),
    "Einsum of channels": ('{y} = Einsum <equation = "nchw,oc->nohw"> ({x}, k)', {"k": (5, 4)}),
    "Einsum from the left": ('{y} = Einsum <equation = "oc, nchw -> nohw"> (k, {x})', {"k": (5, 4)}),
    "Einsum over three axes": ('{y} = Einsum <equation = "nchw,chwop->npo"> ({x}, k)', {"k": (4, 6, 6, 5, 2)}),
    "Einsum with an ellipsis": ('{y} = Einsum <equation = "...w,wo->...o"> ({x}, k)', {"k": (6, 5)}),
    "Einsum without an arrow": ('{y} = Einsum <equation = "...w,wo"> ({x}, k)', {"k": (6, 5)}),
    "Einsum, batched": ('{y} = Einsum <equation = "nchw,cwo->ncho"> ({x}, k)', {"k": (4, 6, 5)}),
    "Einsum, batched, of one row": ('{y} = Einsum <equation = "nchw,chwo->ncho"> ({x}, k)', {"k": (4, 6, 6, 5)}),
    "Einsum, an outer product": ('{y} = Einsum <equation = "nchw,o->nohw"> ({x}, k)', {"k": (3,)}),
    "Einsum of factors": ('{y} = Einsum <equation = "nchw,c->nhcw"> ({x}, k)', {"k": (4,)}),
    "Einsum of a sum": ('{y} = Einsum <equation = "nchw->nw"> ({x})', {}),
    "Einsum that turns": ('{y} = Einsum <equation = "nchw->nhwc"> ({x})', {}),
    "BatchNormalization": (f"{{y}} = {BN} ({{x}}, g, beta, mu, var)", NORM),
    "... of another": (f"{{x}}a = {BN} ({{x}}, g, beta, mu, var) {{y}} = {BN} ({{x}}a, g, beta, mu, var)", NORM),
    "... in front of padding": (
        f"{{x}}n = {BN} ({{x}}, g, beta, mu, var) {{y}} = Conv <{PADS}> ({{x}}n, k)",
        {"k": (3, 4, 3, 3), **NORM},
    ),
    "... behind Add": (
        f"{{x}}c = Conv <{PADS}> ({{x}}, k) {{x}}a = Add ({{x}}, {{x}}c) {{y}} = {BN} ({{x}}a, g, beta, mu, var)",
        {"k": (4, 4, 3, 3), **NORM},
    ),
    "... behind Concat": (
        f"{{x}}c = Conv <{PADS}> ({{x}}, k) {{x}}a = Concat <axis = 1> ({{x}}c, {{x}}) "
        f"{{y}} = {BN} ({{x}}a, g, beta, mu, var)",
        {"k": (2, 4, 3, 3), **{key: [*value, 0.7, 0.9] for key, value in NORM.items()}},
    ),
    "... of rank 3": (
        f"{{x}}s = Reshape ({{x}}, line) {{y}} = {BN} ({{x}}s, g, beta, mu, var)",
        {"line": [0, 4, 36], **NORM},
    ),
    "... behind Gemm": (
        f"{{x}}f = Flatten ({{x}}) {{x}}h = Gemm ({{x}}f, k) {{y}} = {BN} ({{x}}h, g, beta, mu, var)",
        {"k": (144, 4), **NORM},
    ),
    "... in front of Gemm": (
        f"{{x}}n = {BN} ({{x}}, g, beta, mu, var) {{x}}f = Flatten ({{x}}n) {{y}} = Gemm ({{x}}f, k)",
        {"k": (144, 4), **NORM},
    ),
    "... behind MatMul": (
        f"{{x}}f = Flatten ({{x}}) {{x}}h = MatMul ({{x}}f, k) {{y}} = {BN} ({{x}}h, g, beta, mu, var)",
        {"k": (144, 4), **NORM},
    ),
    "... behind MatMul and Add": (
        f"{{x}}f = Flatten ({{x}}) {{x}}h = MatMul ({{x}}f, k) {{x}}a = Add ({{x}}h, b) "
        f"{{y}} = {BN} ({{x}}a, g, beta, mu, var)",
        {"k": (144, 4), "b": (4,), **NORM},
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_follows_the_network(follows, name) -> None:
    op, constants = CASES[name]
    snn = follows(op, constants)
    ops = Counter(n.op_type for n in snn.graph.node)
    assert not ops["Einsum"]
    assert ops["FSNeuron"] == 3


@pytest.mark.slow
@pytest.mark.parametrize("coding", ["phase", "phase, waiting", "rate", "rate, waiting", "msat"])
@pytest.mark.parametrize("name", CASES)
def test_follows_the_network_in_every_coding(follows, name, coding) -> None:
    follows(*CASES[name], coding)


def test_weights_that_two_layers_share(follows) -> None:
    """Each takes its own factors: what the one folds into its weights must not reach the other."""
    snn = follows(
        f"{{x}}a = Conv <{PADS}> ({{x}}, k) {{x}}r = Relu ({{x}}a) {{y}} = Conv <{PADS}> ({{x}}r, k)",
        {"k": (4, 4, 3, 3)},
    )
    weights = [n.input[1] for n in snn.graph.node if n.op_type == "Conv"]
    assert len(weights) == len(set(weights)) == 5
    values = {w.name: numpy_helper.to_array(w) for w in snn.graph.initializer}
    assert not np.array_equal(values[weights[1]], values[weights[2]])
