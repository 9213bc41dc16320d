# SPDX-License-Identifier: Apache-2.0
"""Passes do not depend on the names of tensors and nodes, and added names are unused ones."""

from __future__ import annotations

import numpy as np
import onnx
import pytest

import snncc
from snncc.ir.graph import Graph
from snncc.ir.metadata import metadata_of
from snncc.ir.provenance import MESSAGE, SOURCE, Provenance
from tests.generated.harness import CODINGS, check, model_of, run_plain
from tests.generated.harness import Case as Drawn

SQUARE = "float[4,4] w = {1,0,-1,0,2,0,1,-1,0,0,1,1,-1,1,0,0}"


def _metadata(model: onnx.ModelProto, feeds: dict[str, np.ndarray]) -> dict[str, dict]:
    return metadata_of(snncc.convert(model, snncc.Phase(T=16), calibration=feeds))


def test_an_input_called_like_a_neuron_has_an_encoder():
    body = "a = MatMul (in_neuron_data, w) y = Relu (a)"
    model = model_of(body, "float[N,4] in_neuron_data", "float[N,4] y", constants=SQUARE)
    feeds = {"in_neuron_data": np.random.default_rng(0).standard_normal((16, 4)).astype(np.float32)}
    found = _metadata(model, feeds)
    replaced = {name: entry["replaces"] for name, entry in found["snncc.neurons"].items()}
    assert replaced == {"in_neuron_data_encoder": None, "y_neuron": "y"}
    assert {n["from"] for n in found["snncc.outcome"]["neurons"]} == {"input", "Relu"}


def test_a_factor_of_the_network_is_none_of_a_neuron():
    """A Mul of the source, whose name ends like that of a scale, has not been left over."""
    body = "a = MatMul (x, w) b = Relu (a) c = Softmax (b) m = Mul (c, k) y = Relu (m)"
    model = model_of(body, "float[N,4] x", "float[N,4] y", constants=f"{SQUARE}, float[4] k = {{1,2,3,4}}")
    next(n for n in model.graph.node if n.op_type == "Mul").name = "k_gain"
    feeds = {"x": np.random.default_rng(0).standard_normal((16, 4)).astype(np.float32)}
    assert "k_gain" not in _metadata(model, feeds)["snncc.outcome"]["scales"]["left"]


@pytest.mark.parametrize("name", ["one", "moved", "input_0", "input_2"])
def test_moved_factors_are_those_of_the_tensor_whatever_its_name(name):
    """Pad moves the factor after a neuron, and runs alone for that."""
    body = f"a = Relu (x) {name} = Mul (a, k) b = Pad ({name}, p) y = Relu (b)"
    constants = "float[2,1,1] k = {2, 5}, int64[8] p = {0,0,1,1,0,0,1,1}"
    model = model_of(body, "float[N,2,3,3] x", "float[N,2,5,5] y", constants=constants)
    x = np.random.default_rng(0).standard_normal((8, 2, 3, 3)).astype(np.float32)
    check(Drawn(model, {"x": x}, body), "fs")


@pytest.mark.parametrize("taken", ["r_forward/z", "r_forward/h", "r_forward", "r_forward_1/y"])
def test_the_body_of_a_recurrent_layer_shares_no_name_with_the_network(taken):
    r = np.random.default_rng(0)
    node = onnx.helper.make_node("RNN", ["t", "w", "r"], [taken, "l"], "r", hidden_size=4)
    turn = onnx.helper.make_node("Transpose", ["x"], ["t"], "turn", perm=[1, 0, 2])
    axes = onnx.numpy_helper.from_array(np.array([0], np.int64), "axes")
    flat = onnx.helper.make_node("Squeeze", ["l", "axes"], ["s"], "flat")
    ends = onnx.helper.make_node("Relu", ["s"], ["y"], "end")
    weights = [onnx.numpy_helper.from_array(r.normal(0, 0.4, (1, 4, 4)).astype(np.float32), k) for k in "wr"]
    values = [onnx.helper.make_tensor_value_info(k, 1, shape) for k, shape in (("x", ["N", 3, 4]), ("y", ["N", 4]))]
    graph = onnx.helper.make_graph([turn, node, flat, ends], "g", values[:1], values[1:], [*weights, axes])
    model = onnx.helper.make_model(graph, ir_version=10, opset_imports=[onnx.helper.make_opsetid("", 21)])
    x = r.standard_normal((8, 3, 4)).astype(np.float32)
    snn = snncc.convert(model, snncc.FS(K=16), calibration=x)
    np.testing.assert_allclose(run_plain(snn, {"x": x})[0], run_plain(model, {"x": x})[0], atol=0.05)
    assert metadata_of(snn)["snncc.recurrent"].popitem()[1]["replaces"] == "r"


@pytest.mark.parametrize("coding", ["fs", "phase", "rate", "msat"])
def test_states_take_no_name_of_the_network(coding):
    body = "step = MatMul (x, w) step_out = Relu (step) turn = MatMul (step_out, w) go = Relu (turn)"
    model = model_of(f"{body} steps = MatMul (go, w)", "float[N,4] x", "float[N,4] steps", constants=SQUARE)
    x = np.random.default_rng(0).standard_normal((8, 4)).astype(np.float32)
    folded, loop, step = (
        snncc.convert(model, CODINGS[coding][0], calibration=x, form=form) for form in ("folded", "loop", "step")
    )
    np.testing.assert_allclose(run_plain(loop, {"x": x})[0], run_plain(folded, {"x": x})[0], atol=0.02)
    states = metadata_of(step)["snncc.form"]["states"]
    assert states[0]["input"] == "step_1"
    assert len({s[k] for s in states for k in ("input", "output")}) == 2 * len(states)


def _graph() -> Graph:
    model = model_of("a = Relu (x) y = MatMul (a, w)", "float[N,4] x", "float[N,4] y", constants=SQUARE)
    model.graph.node[0].name = "a_node"
    return Graph.from_proto(model)


def test_provenance_of_what_is_added():
    graph = _graph()
    relu = graph.nodes("Relu")[0]
    assert graph.provenance(relu) == Provenance("a_node", "a_node", "Relu")
    with graph.rewriting(relu):
        first = graph.add("Neg", [relu.outputs[0]], name="n")
    made = graph.producer(first)
    assert made is not None
    assert graph.provenance(made) == Provenance("a_node", "a_node", "Relu")
    with graph.rewriting(made):  # of a rewritten node, the origin stays
        second = graph.add("Neg", [first], name="n")
    graph.set_role(second, "neuron")
    assert graph.provenance(graph.producer(second)) == Provenance("n", "a_node", "Relu", "neuron")
    assert graph.has_role(graph.producer(second), "neuron")
    assert not graph.has_role(made, "neuron")
    assert graph.of_tensor(graph.inputs[0]) == Provenance("x", "x", SOURCE)
    graph.replace_uses(graph.nodes("MatMul")[0].inputs[0], second, keep=[made])
    copy = graph.copy()
    assert copy.provenance(copy.nodes("Neg")[-1]).role == "neuron"


def test_provenance_goes_with_its_node():
    graph = _graph()
    relu = graph.nodes("Relu")[0]
    message = Provenance("a", "a", MESSAGE)
    out = graph.add("Neg", [relu.outputs[0]], name="n", provenance=message)
    assert graph.provenance(graph.producer(out)) == message
    graph.erase(graph.producer(out))
    again = graph.add("Neg", [relu.outputs[0]], name="n")
    assert graph.provenance(graph.producer(again)).op == "Neg"
