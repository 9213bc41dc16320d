# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import sys
from collections.abc import Mapping

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

import snncc
from snncc.errors import ModelError, OptionError
from snncc.models import digits_network
from snncc.tools.debug import reduce_model
from snncc.tools.debug.shell_oracle import ShellCheck

Planted = Mapping[int, onnx.NodeProto]
USUAL = ("Relu", "Sigmoid", "MatMul", "Tanh", "Neg", "Add")

SCRIPT = """
import sys
import onnx

nodes = onnx.load(sys.argv[1]).graph.node
faulty = any(n.op_type == "LeakyRelu" and any(a.name == "alpha" and a.f < 0 for a in n.attribute) for n in nodes)
sys.exit(0 if faulty else 3)
"""


def network(planted: Planted, count: int = 100) -> onnx.ModelProto:
    """`count` nodes in a row, with shortcuts, two outputs and a weight; some of them replaced by `planted`."""
    nodes, before = [], "x"
    for place in range(count):
        op = USUAL[place % len(USUAL)]
        more = {"MatMul": ["W"], "Add": [f"t{place - 4}"]}.get(op, [])
        node = helper.make_node(op, [before, *more], [f"t{place}"], name=f"n{place}")
        if place in planted:
            node.CopyFrom(planted[place])
            node.input[:], node.output[:], node.name = [before], [f"t{place}"], f"n{place}"
        nodes.append(node)
        before = f"t{place}"
    x, *outputs = (
        helper.make_tensor_value_info(name, TensorProto.FLOAT, ["N", 8]) for name in ("x", f"t{count // 2}", before)
    )
    weight = numpy_helper.from_array(np.full((8, 8), 0.25, np.float32), "W")
    graph = helper.make_graph(nodes, "chain", [x], outputs, [weight])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)


STEEP = helper.make_node("LeakyRelu", ["x"], ["y"], alpha=-0.5)
FLAT = helper.make_node("LeakyRelu", ["x"], ["y"], alpha=0.5)
SOFT = helper.make_node("Softplus", ["x"], ["y"])


def kinds(model: onnx.ModelProto) -> list[str]:
    return [n.op_type for n in model.graph.node]


def behind_each_other(model: onnx.ModelProto) -> bool:
    """Whether a path leads from a LeakyRelu to a Softplus."""
    behind: set[str] = set()
    for node in model.graph.node:
        if node.op_type == "LeakyRelu" or not behind.isdisjoint(node.input):
            if node.op_type == "Softplus":
                return True
            behind.update(node.output)
    return False


def test_a_planted_fault_is_all_that_is_left(tmp_path):
    (tmp_path / "check.py").write_text(SCRIPT)
    check = ShellCheck(f"'{sys.executable}' '{tmp_path / 'check.py'}' {{}}", timeout=60)
    model = network({33: STEEP, 60: FLAT})
    found = reduce_model(model, check)
    assert found.before == 100
    assert kinds(found.model) == ["LeakyRelu"]
    assert found.model.graph.node[0].attribute[0].f == -0.5
    assert [v.name for v in found.model.graph.input] == ["t32"]
    assert not found.model.graph.initializer
    assert found.checks < 40
    onnx.checker.check_model(found.model, full_check=True)


def test_two_nodes_that_fail_together_are_both_kept():
    def together(model: onnx.ModelProto) -> bool:
        return {"LeakyRelu", "Softplus"} <= set(kinds(model))

    found = reduce_model(network({20: STEEP, 70: SOFT}), together)
    assert kinds(found.model) == ["LeakyRelu", "Softplus"]


def test_what_lies_between_two_nodes_is_bypassed():
    found = reduce_model(network({20: STEEP, 70: SOFT}), behind_each_other)
    assert kinds(found.model) == ["LeakyRelu", "Softplus"]
    assert found.model.graph.node[1].input[0] == "t20"
    assert len(found.model.graph.output) == 1


def test_every_candidate_is_valid_and_the_result_is_always_the_same():
    seen: list[bytes] = []

    def check(model: onnx.ModelProto) -> bool:
        onnx.checker.check_model(model, full_check=True)
        seen.append(model.SerializeToString(deterministic=True))
        return behind_each_other(model)

    first, second = (reduce_model(network({20: STEEP, 31: SOFT}, 40), check) for _ in range(2))
    assert first == second
    assert len(seen) == first.checks + second.checks
    assert len(set(seen)) == first.checks  # none is tried twice


def test_outputs_go_that_the_fault_does_not_need():
    def check(model: onnx.ModelProto) -> bool:
        return kinds(model).count("MatMul") >= 1 and "t7" in {name for n in model.graph.node for name in n.input}

    found = reduce_model(network({}, 12), check)
    assert kinds(found.model) == ["MatMul"]
    assert len(found.model.graph.output) == 1
    assert [t.name for t in found.model.graph.initializer] == ["W"]  # too small to matter


def test_large_weights_become_inputs():
    model = network({}, 12)
    del model.graph.initializer[:]
    model.graph.initializer.append(numpy_helper.from_array(np.zeros((8, 8), np.float32), "W"))
    wide = numpy_helper.from_array(np.zeros((8, 4096), np.float32), "wide")
    model.graph.initializer.append(wide)
    model.graph.node.append(helper.make_node("MatMul", ["t11", "wide"], ["far"], name="far"))
    model.graph.output.append(helper.make_tensor_value_info("far", TensorProto.FLOAT, ["N", 4096]))
    found = reduce_model(model, lambda m: "far" in {n.name for n in m.graph.node})
    assert [v.name for v in found.model.graph.input] == ["t11", "wide"]
    assert not found.model.graph.initializer
    kept = reduce_model(model, lambda m: "wide" in {t.name for t in m.graph.initializer})
    assert [t.name for t in kept.model.graph.initializer] == ["wide"]


@pytest.mark.parametrize("form", ["folded", "loop", "step"])
def test_converted_models_keep_the_functions_that_are_called(form):
    model = snncc.convert(digits_network(), snncc.Rate(T=4, signed=False), input_range=(0, 1), form=form)

    def inside(model: onnx.ModelProto, op: str) -> bool:
        graphs = [model.graph, *(a.g for n in model.graph.node for a in n.attribute if a.HasField("g"))]
        return any(n.op_type == op for g in graphs for n in g.node)

    found = reduce_model(model, lambda m: inside(m, "IFNeuron"))
    assert found.nodes <= 4
    assert "IFNeuron" in {f.name for f in found.model.functions}
    assert not found.model.metadata_props
    if form != "loop":
        assert kinds(found.model) == ["IFNeuron"]
        assert [f.name for f in found.model.functions] == ["IFNeuron"]


def test_a_model_without_the_fault_is_refused():
    with pytest.raises(OptionError, match="shows no fault as it is"):
        reduce_model(network({}, 10), lambda _: False)


def test_a_model_that_is_not_valid_is_refused():
    model = network({}, 10)
    model.graph.node[3].input[0] = "nowhere"
    with pytest.raises(ModelError, match="not a valid ONNX model"):
        reduce_model(model, lambda _: True)


def test_a_check_needs_a_place_for_the_model():
    with pytest.raises(OptionError, match=r"Put \{\} there"):
        ShellCheck("true", 1)


def test_a_check_that_takes_too_long_is_ended_and_shows_nothing():
    model = network({}, 3)
    assert ShellCheck(": {}", 60)(model)
    assert not ShellCheck(": {}; sleep 600; true", 0.2)(model)
