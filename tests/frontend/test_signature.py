# SPDX-License-Identifier: Apache-2.0
"""Inputs and outputs keep names, types and axes; only a batch of 1 becomes dynamic, where the graph allows it."""

from __future__ import annotations

import onnx
import pytest

import snncc
from snncc.frontend.import_model import import_model

CNN = """g (float[{n}, 1, 8, 8] x) => (float[{n}, 3] y) {{
    c = Conv(x, W) r = Relu(c) f = Reshape(r, s) y = Gemm(f, V) }}"""


def _axes(values) -> list[tuple[str, int, list[int | str]]]:
    return [
        (v.name, v.type.tensor_type.elem_type, [d.dim_param or d.dim_value for d in v.type.tensor_type.shape.dim])
        for v in values
    ]


@pytest.mark.parametrize("batch", ["batch_size", "2"])
def test_signature_is_the_sources(network, convert_and_compare, batch):
    body = CNN.format(n=batch)
    rows = -1 if batch == "batch_size" else 2
    model = network(body, W=(4, 1, 3, 3), V=(144, 3), s=[rows, 144])
    snn = convert_and_compare(model, batch=3)
    assert _axes(snn.graph.input) == _axes(model.graph.input)
    assert _axes(snn.graph.output) == _axes(model.graph.output)


def test_open_axes_besides_the_batch(network, convert_and_compare):
    body = """g (float[N, 1, H, W] x) => (float[N, 3] y) {
        c = Conv(x, K) r = Relu(c) a = GlobalAveragePool(r) f = Flatten(a) y = Gemm(f, V) }"""
    model = network(body, K=(4, 1, 3, 3), V=(4, 3))
    snn = convert_and_compare(model, batch=7)
    assert _axes(snn.graph.input) == _axes(model.graph.input)


@pytest.mark.parametrize("shape", [[1, 144], [-1, 144], [0, 144], [1, -1]])
def test_a_batch_of_one_becomes_dynamic(network, convert_and_compare, shape):
    model = network(CNN.format(n=1), W=(4, 1, 3, 3), V=(144, 3), s=shape)
    open_batch = network(CNN.format(n="N"), W=(4, 1, 3, 3), V=(144, 3), s=[-1, 144])
    snn = convert_and_compare(model, source=open_batch, batch=3)
    assert _axes(snn.graph.input) == _axes(open_batch.graph.input)
    assert _axes(snn.graph.output) == _axes(open_batch.graph.output)


def test_a_batch_that_the_graph_fixes_stays(network, convert_and_compare):
    """The Reshape mixes samples: its four rows are one image's channels."""
    body = """g (float[1, 1, 8, 8] x) => (float[4, 3] y) {
        c = Conv(x, W) r = Relu(c) f = Reshape(r, s) y = Gemm(f, V) }"""
    model = network(body, W=(4, 1, 3, 3), V=(36, 3), s=[4, 36])
    snn = convert_and_compare(model)
    assert _axes(snn.graph.input) == _axes(model.graph.input)
    assert _axes(snn.graph.output) == _axes(model.graph.output)


def test_a_scalar_output_keeps_the_batch_fixed(network, convert_and_compare):
    body = """g (float[1, 4] x) => (float y) {
        c = MatMul(x, W) r = Relu(c) z = MatMul(r, V) y = ReduceMean <keepdims = 0> (z) }"""
    snn = convert_and_compare(network(body, W=(4, 5), V=(5, 3)), most=0.1)
    assert _axes(snn.graph.output) == [("y", onnx.TensorProto.FLOAT, [])]


def test_several_inputs_and_outputs(network, convert_and_compare):
    body = """g (float[N, 4] a, float[N, 4] b) => (float[N, 3] y, float[N, 3] z, float[N, 5] h) {
        p = MatMul(a, W) q = MatMul(b, U) s = Add(p, q) h = Relu(s) y = MatMul(h, V) z = Identity(y) }"""
    model = network(body, W=(4, 5), U=(4, 5), V=(5, 3))
    snn = convert_and_compare(model)
    assert _axes(snn.graph.input) == _axes(model.graph.input)
    assert _axes(snn.graph.output) == _axes(model.graph.output)


def test_an_input_that_nothing_reads_stays(network, convert_and_compare):
    body = "g (float[N, 4] a, float[N, 2] b) => (float[N, 3] y) { c = MatMul(a, W) r = Relu(c) y = MatMul(r, V) }"
    snn = convert_and_compare(network(body, W=(4, 5), V=(5, 3)))
    assert [i.name for i in snn.graph.input] == ["a", "b"]


@pytest.mark.parametrize(
    ("body", "neurons"),
    [
        ("c = MatMul(x, W) y = Relu(c)", 1),
        ("y = Relu(x)", 1),
        ("c = MatMul(x, W) r = Relu(c) s = Relu(r) y = MatMul(s, W)", 1),
        ("c = MatMul(x, W) r = Relu(c) p = MatMul(r, W) q = MatMul(r, W) s = Add(p, q) y = Add(s, r)", 1),
        ("c = MatMul(x, W) r = Relu(c) s = Add(r, r) y = MatMul(s, W)", 1),
        ("c = MatMul(x, W) r = Relu(c) s = Concat <axis = 1> (r, x) y = MatMul(s, U)", 1),
    ],
    ids=["ends in it", "only it", "of itself", "several users", "twice one user", "beside the input"],
)
def test_where_a_relu_may_stand(network, convert_and_compare, body, neurons):
    model = network(f"g (float[N, 4] x) => (float[N, 4] y) {{ {body} }}", W=(4, 4), U=(8, 4))
    snn = convert_and_compare(model)
    assert "Relu" not in {n.op_type for n in snn.graph.node}
    assert sum("OneSpike" in n.op_type for n in snn.graph.node) == neurons


def test_bounds_may_be_infinite(network, convert_and_compare):
    body = """g (float[N, 1, 8, 8] x) => (float[N, 3] y) {
        c = Conv(x, W) r = Clip(c, zero, inf) p = Pad(r, pads, minus_inf) m = MaxPool <kernel_shape = [2, 2]> (p)
        a = GlobalAveragePool(m) f = Flatten(a) y = Gemm(f, V) }"""
    numbers = {"zero": 0.0, "inf": float("inf"), "minus_inf": float("-inf")}
    scalars = {k: onnx.numpy_helper.to_array(onnx.helper.make_tensor(k, 1, [], [v])) for k, v in numbers.items()}
    model = network(body, W=(4, 1, 3, 3), V=(4, 3), pads=[0, 0, 1, 1, 0, 0, 1, 1], **scalars)
    convert_and_compare(model)


def test_metadata_of_the_source_survives(network):
    model = network("g (float[N, 4] x) => (float[N, 4] y) { y = Relu(x) }")
    model.doc_string = "by hand"
    onnx.helper.set_model_props(model, {"author": "me"})
    assert import_model(model).to_proto().doc_string == "by hand"
    snn = snncc.convert(model, snncc.Phase())
    assert {p.key: p.value for p in snn.metadata_props}["author"] == "me"
