# SPDX-License-Identifier: Apache-2.0
"""Tests of lower-activations."""

from __future__ import annotations

import numpy as np
import onnx
import pytest

import snncc
from snncc.ir.graph import Graph
from snncc.passes.lower.lower_activations import LowerActivations

FLAT = "net (float[N,4] x) => (float[N,4] y)"


CURVES = {
    "y = Sigmoid (x) z = Relu (y)": "sigmoid",
    "y = Tanh (x)": "tanh",
    "s = Sigmoid (x) y = Mul (x, s)": "swish",
    "s = HardSigmoid <alpha = 0.16666667, beta = 0.5> (x) y = Mul (s, x)": "hardswish",
    "y = HardSwish (x)": "hardswish",
    "y = HardSigmoid (x)": "hardsigmoid",
    "y = Elu (x)": "elu",
    "y = Softplus (x)": "softplus",
    "y = Gelu (x)": "gelu",
    'y = Gelu <approximate = "tanh"> (x)': "gelu-tanh",
    "y = Mish (x)": "mish",
}


@pytest.mark.parametrize(("body", "kind"), CURVES.items(), ids=CURVES.values())
def test_curves_become_few_spikes_neurons(build, ops, body, kind) -> None:
    """Within the error of their tables of 16 steps."""
    from snncc.coding.fs_tables.tables import table

    outs = ", float[N,4] z" if "z =" in body else ""
    model = build(f"net (float[N,4] x) => (float[N,4] y{outs}) {{ {body} }}", {})
    graph = Graph.from_proto(model)
    node = next(n for n in graph.nodes() if n.op not in ("Mul", "Relu"))
    coding = snncc.FS(K=16)
    assert LowerActivations(coding, {node.name: (-4.0, 4.0)}).run(graph) == 1
    after = graph.to_proto()
    assert "FSNeuron" in ops(after)
    neuron = next(n for n in after.graph.node if n.op_type == "FSNeuron")
    attributes = {a.name: onnx.helper.get_attribute_value(a) for a in neuron.attribute}
    x = np.linspace(-4, 4, 500, dtype=np.float32)
    from snncc.coding.fs_tables.activations import activation
    from snncc.ops.few_spikes import FEW_SPIKES

    value = FEW_SPIKES.reference([x, np.ones(1, np.float32)], attributes)[0]
    assert np.abs(value - activation(kind).function(x.astype(np.float64))).max() <= 2 * table(kind, 16, -4, 4).max_error


def test_a_curve_at_the_end_of_the_network_is_left(build) -> None:
    graph = Graph.from_proto(build(f"{FLAT} {{ a = Relu (x) y = Sigmoid (a) }}", {}))
    assert LowerActivations(snncc.FS(K=8), {"y": (-1.0, 1.0)}).run(graph) == 0


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("a = Sigmoid (x) y = Relu (a)", "calibration has not seen its input"),
        ("a = Relu (x) y = Sigmoid (a)", "there are no tables for it"),
    ],
)
def test_says_why_not(build, skips, body, reason) -> None:
    graph = Graph.from_proto(build(f"{FLAT} {{ {body} }}", {}))
    assert LowerActivations(snncc.FS(K=8), {}).run(graph) == 0
    assert reason in skips()
