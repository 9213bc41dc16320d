# SPDX-License-Identifier: Apache-2.0
"""Equivalent models of different exporters give the same conversion."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

import snncc
from snncc.frontend.import_model import OPSET, import_model

CNN = """g (float[N, 1, 8, 8] x) => (float[N, 3] y) {
    c = Conv <pads = [1, 1, 1, 1]> (x, W, b)
    r = Relu(c)
    p = MaxPool <kernel_shape = [2, 2], strides = [2, 2]> (r)
    a = GlobalAveragePool(p)
    f = Flatten(a)
    y = Gemm(f, V, d)
}"""
CNN_WEIGHTS = {"W": (4, 1, 3, 3), "b": (4,), "V": (4, 3), "d": (3,)}
MLP = "g (float[N, 4] x) => (float[N, 3] y) { c = MatMul(x, W) r = Relu(c) y = MatMul(r, V) }"
MLP_WEIGHTS = {"W": (4, 5), "V": (5, 3)}


@pytest.mark.parametrize("opset", [7, 9, 11, 13, 17, 21, 22, onnx.defs.onnx_opset_version()])
def test_every_opset_from_7_on_converts(network, convert_and_compare, opset):
    snn = convert_and_compare(network(CNN, opset=opset, **CNN_WEIGHTS), source=network(CNN, **CNN_WEIGHTS))
    stated = {o.domain: o.version for o in snn.opset_import}
    assert stated[""] >= OPSET
    assert stated["ai.snncc"] == 1


@pytest.mark.parametrize("opset", [7, 10])
def test_dropout_and_clip_of_old_opsets(network, convert_and_compare, opset):
    body = """g (float[N, 4] x) => (float[N, 3] y) {
        c = MatMul(x, W) r = Clip <min = 0.0, max = 6.0> (c) d = Dropout <ratio = 0.5> (r) y = MatMul(d, V) }"""
    snn = convert_and_compare(network(body, opset=opset, **MLP_WEIGHTS))
    assert not {"Clip", "Dropout"} & {n.op_type for n in snn.graph.node}


def test_batch_normalization_of_an_old_opset(network, convert_and_compare):
    body = """g (float[N, 1, 6, 6] x) => (float[N, 4, 4, 4] y) {
        c = Conv(x, W) n = BatchNormalization <spatial = 1> (c, g, h, m, var) y = Relu(n) }"""
    weights = {"W": (4, 1, 3, 3), "g": (4,), "h": (4,), "m": (4,), "var": (4,)}
    model = network(body, opset=7, **weights)
    snn = convert_and_compare(model, source=network(body.replace("<spatial = 1>", ""), **weights))
    assert "BatchNormalization" not in {n.op_type for n in snn.graph.node}


def test_initializers_listed_as_inputs(network, convert_and_compare):
    model = network(MLP, opset=8, ir=3, **MLP_WEIGHTS)
    for tensor in model.graph.initializer:
        model.graph.input.append(helper.make_tensor_value_info(tensor.name, TensorProto.FLOAT, tensor.dims))
    snn = convert_and_compare(model)
    assert [i.name for i in snn.graph.input] == ["x"]


def test_local_functions_are_inlined(network, convert_and_compare):
    model = onnx.parser.parse_model("""<ir_version: 10, opset_import: ["": 21, "local": 1]>
    g (float[N, 4] x) => (float[N, 3] y) { r = local.block(x, W) y = Gemm(r, V) }
    <domain: "local", opset_import: ["": 21]>
    block (x, W) => (y) { c = Gemm(x, W) y = Relu(c) }""")
    model.graph.initializer.extend(network(MLP, **MLP_WEIGHTS).graph.initializer)
    snn = convert_and_compare(model)
    assert {f.domain for f in snn.functions} == {"ai.snncc"}
    assert [n.op_type for n in snn.graph.node if n.domain == "local"] == []


def test_shape_arithmetic_is_folded(network, convert_and_compare):
    body = """g (float[N, 1, 8, 8] x) => (float[N, 3] y) {
        c = Conv(x, W) r = Relu(c)
        s = Shape(r) zero = Constant <value = int64 {0}> () n = Gather(s, zero)
        axes = Constant <value = int64[1] {0}> () u = Unsqueeze(n, axes)
        rest = Constant <value = int64[1] {-1}> () k = Concat <axis = 0> (u, rest)
        f = Reshape(r, k) y = Gemm(f, V) }"""
    snn = convert_and_compare(network(body, W=(4, 1, 3, 3), V=(144, 3)))
    left = {n.op_type for n in snn.graph.node}
    assert left == {"PhaseNeuron", "Conv", "OneSpikeNeuron", "Reshape", "Gemm"}


def test_weights_that_nodes_compute(network, convert_and_compare):
    body = """g (float[N, 4] x) => (float[N, 3] y) {
        t = Transpose(Wt) c = MatMul(x, t) r = Relu(c)
        shape = Constant <value = int64[2] {5, 3}> ()
        V = ConstantOfShape <value = float[1] {0.25}> (shape)
        y = MatMul(r, V) }"""
    snn = convert_and_compare(network(body, Wt=(5, 4)))
    assert {n.op_type for n in snn.graph.node} == {"PhaseNeuron", "MatMul", "OneSpikeNeuron"}


def test_unnamed_nodes_are_named_after_their_output(network):
    names = [n.name for n in import_model(network(MLP, **MLP_WEIGHTS)).nodes()]
    assert names == ["c", "r", "y"]


def test_nodes_that_share_a_name(network, convert_and_compare):
    model = network(MLP, **MLP_WEIGHTS)
    valid = onnx.ModelProto()
    valid.CopyFrom(model)
    for node in model.graph.node:
        node.name = "n"
    model.graph.node[2].name = "n_1"
    snn = convert_and_compare(model, source=valid)
    assert len({n.name for n in snn.graph.node}) == len(snn.graph.node)
    assert [n.name for n in import_model(model).nodes()] == ["n", "n_2", "n_1"]


@pytest.mark.parametrize(("dtype", "name", "body"), [(np.float16, "float16", CNN), (np.float64, "double", MLP)])
def test_other_floats(network, convert_and_compare, dtype, name, body):
    rng = np.random.default_rng(3)
    shapes = CNN_WEIGHTS if body is CNN else MLP_WEIGHTS
    weights = {k: rng.normal(0.1, 0.7, shape).astype(dtype) for k, shape in shapes.items()}
    model = network(body.replace("float", name), **weights)
    snn = convert_and_compare(model, most=0.05)
    assert snn.graph.output[0].type.tensor_type.elem_type == model.graph.output[0].type.tensor_type.elem_type


def test_bytes_path_and_proto_convert_alike(network, tmp_path):
    model = network(MLP, **MLP_WEIGHTS)
    before = model.SerializeToString(deterministic=True)
    (tmp_path / "m.onnx").write_bytes(before)
    sources = (model, before, tmp_path / "m.onnx", str(tmp_path / "m.onnx"))
    results = {snncc.convert(s, snncc.Phase()).SerializeToString(deterministic=True) for s in sources}
    assert len(results) == 1
    assert model.SerializeToString(deterministic=True) == before


def _with_external_data(model: onnx.ModelProto, location: str) -> onnx.ModelProto:
    for tensor in model.graph.initializer:
        onnx.external_data_helper.set_external_data(tensor, location)
        tensor.data_location = TensorProto.EXTERNAL
    return model


def test_external_data_beside_the_model(network, convert_and_compare, tmp_path, monkeypatch):
    model = network(CNN, **CNN_WEIGHTS)
    (tmp_path / "sub").mkdir()
    onnx.save_model(
        onnx.ModelProto.FromString(model.SerializeToString()),
        tmp_path / "m.onnx",
        save_as_external_data=True,
        location="sub/weights.bin",
        size_threshold=0,
    )
    monkeypatch.chdir(tmp_path.parent)
    snn = convert_and_compare(tmp_path / "m.onnx", source=model)
    assert all(t.data_location == TensorProto.DEFAULT for t in snn.graph.initializer)


def test_external_data_that_is_missing(network, tmp_path):
    model = _with_external_data(network(MLP, **MLP_WEIGHTS), "gone.bin")
    (tmp_path / "m.onnx").write_bytes(model.SerializeToString())
    message = r"m\.onnx: weight 'W': external data file 'gone.bin' is missing. Put it beside the model"
    with pytest.raises(snncc.SnnccError, match=message):
        snncc.convert(tmp_path / "m.onnx", snncc.Phase())


def test_external_data_that_is_too_short(network, tmp_path):
    model = network(MLP, **MLP_WEIGHTS)
    onnx.save_model(model, tmp_path / "m.onnx", save_as_external_data=True, location="w.bin", size_threshold=0)
    (tmp_path / "w.bin").write_bytes(b"1234")
    with pytest.raises(snncc.SnnccError, match=r"weight '[WV]'.*(cannot be loaded|damaged)"):
        snncc.convert(tmp_path / "m.onnx", snncc.Phase())


@pytest.mark.parametrize("how", ["dots", "absolute", "symlink", "in a function", "in a subgraph"])
def test_external_data_never_leaves_the_folder(network, tmp_path, how):
    folder = tmp_path / "model"
    folder.mkdir()
    secret = tmp_path / "secret.bin"
    secret.write_bytes(bytes(4096))
    location = {"absolute": str(secret), "symlink": "link.bin"}.get(how, "../secret.bin")
    (folder / "link.bin").symlink_to(secret)
    model = network(MLP, **MLP_WEIGHTS)
    if how.startswith("in a"):
        stolen = _with_external_data(network(MLP, **MLP_WEIGHTS), location).graph.initializer[1]
        made = helper.make_node("Constant", [], ["k"], value=stolen)
        if how == "in a function":
            model.functions.append(
                helper.make_function("local", "f", ["x"], ["k"], [made], [helper.make_opsetid("", 21)])
            )
        else:
            branch = helper.make_graph([made], "b", [], [onnx.ValueInfoProto(name="k")])
            model.graph.node.append(helper.make_node("If", ["flag"], ["k"], then_branch=branch, else_branch=branch))
    else:
        _with_external_data(model, location)
    (folder / "m.onnx").write_bytes(model.SerializeToString())
    with pytest.raises(snncc.SnnccError, match=r"points outside the model's folder.*copy it there"):
        snncc.convert(folder / "m.onnx", snncc.Phase())


def test_external_data_needs_a_path(network):
    model = _with_external_data(network(MLP, **MLP_WEIGHTS), "w.bin")
    with pytest.raises(snncc.SnnccError, match=r"weight 'W' lies in external file 'w.bin'. Give the model's path"):
        snncc.convert(model, snncc.Phase())


def test_sparse_weights(network, convert_and_compare):
    body = "g (float[N, 4] x) => (float[N, 3] y) { c = Gemm(x, W) r = Relu(c) y = Gemm(r, V) }"
    model = network(body, W=(4, 5))
    dense = np.zeros((5, 3), np.float32)
    dense.flat[[1, 6, 11]] = 0.5, -0.25, 1.0
    values = numpy_helper.from_array(dense.flat[[1, 6, 11]], "V")
    indices = numpy_helper.from_array(np.array([1, 6, 11], np.int64), "V_indices")
    model.graph.sparse_initializer.append(helper.make_sparse_tensor(values, indices, [5, 3]))
    convert_and_compare(model, source=network(body, W=(4, 5), V=dense))
