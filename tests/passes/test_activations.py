# SPDX-License-Identifier: Apache-2.0
"""fuse-gelu, split-leaky, lower-activations, pools-behind-relus, keep-islands."""

from __future__ import annotations

import numpy as np
import onnx
import pytest

import snncc
from snncc.analysis.analog_ops import analog_ops
from snncc.ir.graph import Graph
from snncc.passes.legalise.fuse_gelu import FuseGelu
from snncc.passes.legalise.relu_before_max_pool import ReluBeforeMaxPool
from snncc.passes.legalise.split_leaky_relu import SplitLeakyRelu
from snncc.passes.lower.isolate_analog_ops import IsolateAnalogOps
from snncc.passes.lower.lower_activations import LowerActivations

FLAT = "net (float[N,4] x) => (float[N,4] y)"
IMAGE = "net (float[N,3,6,6] x) => (float[N,3,3,3] y)"
GELU = "<float r = {1.4142135}, float o = {1.0}, float h = {0.5}> { a = Div (x, r) b = Erf (a) c = Add (b, o) "


@pytest.mark.parametrize(
    "ending",
    [
        "d = Mul (x, c) y = Mul (d, h) }",
        "d = Mul (c, h) y = Mul (x, d) }",
        "d = Mul (h, x) y = Mul (d, c) }",
        "d = Mul (c, x) e = Div (d, two) y = Identity (e) }",
    ],
)
def test_gelu_is_recognised_however_it_is_spelled(build, apply, ops, ending) -> None:
    model = build(f"{FLAT} {GELU}{ending}".replace("float h", "float two = {2.0}, float h"), {})
    count, after = apply(FuseGelu(), model)
    assert count == 1
    assert [op for op in ops(after) if op != "Identity"] == ["Gelu"]


@pytest.mark.parametrize(
    "ending",
    [
        "d = Mul (x, c) e = Mul (d, h) y = Add (e, c) }",  # the curve has another reader
        "d = Mul (b, c) y = Mul (d, h) }",  # not times x
        "d = Mul (x, c) y = Mul (d, o) }",  # not halved
        "y = Mul (c, h) }",  # x is missing
    ],
)
def test_what_only_looks_like_gelu_is_left(build, apply, skips, ending) -> None:
    assert apply(FuseGelu(), build(f"{FLAT} {GELU}{ending}", {}))[0] == 0
    assert "it is no part of a GELU" in skips()


def test_a_summand_other_than_one_makes_no_gelu(build, apply) -> None:
    text = f"{FLAT} {GELU.replace('o = {1.0}', 'o = {1.5}')}d = Mul (x, c) y = Mul (d, h) }}"
    assert apply(FuseGelu(), build(text, {}))[0] == 0


@pytest.mark.parametrize(
    ("body", "shapes"),
    [("y = LeakyRelu <alpha = 0.3> (x)", {}), ("y = LeakyRelu (x)", {}), ("y = PRelu (x, slope)", {"slope": (4,)})],
)
def test_leaky_relus_become_two_of_opposite_polarity(build, apply, ops, body, shapes) -> None:
    count, after = apply(SplitLeakyRelu(), build(f"{FLAT} {{ {body} }}", shapes))
    assert count == 1
    assert sorted(ops(after)) == ["Add", "Mul", "Mul", "Relu", "Relu"]


def test_a_computed_slope_is_left(build, apply, skips) -> None:
    assert apply(SplitLeakyRelu(), build(f"{FLAT} {{ s = Tanh (x) y = PRelu (x, s) }}", {}))[0] == 0
    assert "its slope is not a constant" in skips()


def test_pools_move_behind_relus(build, apply, ops) -> None:
    pools = "a = MaxPool <kernel_shape = [2, 2], strides = [1, 1], pads = [0, 0, 1, 1]> (x)"
    body = f"{{ {pools} b = MaxPool <kernel_shape = [2, 2], strides = [2, 2]> (a) y = Relu (b) }}"
    count, after = apply(ReluBeforeMaxPool(), build(f"{IMAGE} {body}", {}))
    assert count == 2
    assert ops(after) == ["Relu", "MaxPool", "MaxPool"]


def test_a_pool_that_others_read_stays(build, apply, skips) -> None:
    body = "{ a = MaxPool <kernel_shape = [2, 2], strides = [2, 2]> (x) b = Relu (a) y = Add (a, b) }"
    assert apply(ReluBeforeMaxPool(), build(f"{IMAGE} {body}", {}))[0] == 0
    assert "has other users" in skips()


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


ISLAND = "{ a = Relu (x) b = Exp (a) c = Tanh (b) d = MatMul (c, W) y = Relu (d) }"


def test_islands_are_what_is_neither_linear_nor_a_neuron(build) -> None:
    graph = Graph.from_proto(build(f"{FLAT} {ISLAND}", {"W": (4, 4)}))
    assert [n.op for n in analog_ops(graph)] == ["Exp", "Tanh"]


@pytest.mark.parametrize(
    ("body", "found"),
    [
        ("a = Relu (x) y = Softmax (a)", []),
        ("a = Softmax (x) y = Relu (a)", ["Softmax"]),
        ("a = Relu (x) y = Mul (a, x)", ["Mul"]),
        ("a = Relu (x) y = Mul (a, k)", []),
        ("a = Relu (x) y = Min (a, k)", []),
        ("a = Relu (x) y = Div (k, a)", ["Div"]),
        ("a = Clip (x, k) y = Relu (a)", ["Clip"]),
    ],
)
def test_what_is_an_island(build, body, found) -> None:
    model = build(f"{FLAT} <float k = {{1.5}}> {{ {body} }}", {})
    assert [n.op for n in analog_ops(Graph.from_proto(model))] == found


def test_an_island_of_values_is_coded_again_behind_it(build, ops) -> None:
    graph = Graph.from_proto(build(f"{FLAT} {ISLAND}", {"W": (4, 4)}))
    IsolateAnalogOps(snncc.Phase(T=8), {"b": (0.0, 3.0), "c": (0.0, 1.0)}).run(graph)
    assert ops(graph.to_proto()) == ["Relu", "Exp", "Tanh", "PhaseNeuron", "MatMul", "Relu"]
