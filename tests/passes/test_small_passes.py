# SPDX-License-Identifier: Apache-2.0
"""remove-identity, simplify-arithmetic, split-clip, lower-relu, encode-input, fuse-residual, correct-potentials."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pytest
from onnx import numpy_helper

import snncc
from snncc.analysis.cpu_session import cpu_session
from snncc.coding.scales import PotentialCorrection
from snncc.compiler.export import export_model
from snncc.errors import PassError, PostconditionError
from snncc.ir.graph import Graph
from snncc.passes.base import Pass
from snncc.passes.canonicalise.remove_identity import RemoveIdentity
from snncc.passes.canonicalise.simplify_arithmetic import SimplifyArithmetic
from snncc.passes.finalise.correct_potentials import CorrectPotentials
from snncc.passes.finalise.fuse_residual import FuseResidual
from snncc.passes.legalise.split_clip import SplitClip
from snncc.passes.lower.encode_input import EncodeInput
from snncc.passes.lower.lower_relu import LowerRelu
from snncc.passes.manager import PassManager
from snncc.passes.normalise.hoist_scales import HoistScales
from snncc.passes.pipeline import PASSES

FLAT = "net (float[N,4] x) => (float[N,4] y)"
CODING = snncc.Phase(T=8, Q=1.5)


@pytest.mark.parametrize(
    ("body", "left"),
    [
        ("a = Identity (x) b = Dropout (a) y = Relu (b)", ["Relu"]),
        ("a = Relu (x) y = Identity (a)", ["Relu"]),
        ("y = Identity (x)", ["Identity"]),
        ("a, mask = Dropout (x) c = Cast <to=1> (mask) y = Add (a, c)", ["Dropout", "Cast", "Add"]),
    ],
)
def test_identities_go(build, apply, ops, body, left) -> None:
    _, after = apply(RemoveIdentity(), build(f"{FLAT} {{ {body} }}", {}))
    assert ops(after) == left


@pytest.mark.parametrize(
    ("body", "left"),
    [
        ("a = Sum (x) y = Relu (a)", ["Relu"]),
        ("y = Sum (x)", ["Sum"]),
        ("a = Relu (x) y = Mean (a, x)", ["Relu", "Add", "Mul"]),
        ("y = Mean (x)", ["Mul"]),
        ("y = Neg (x)", ["Mul"]),
        ("y = Sub (x, c)", ["Add"]),
        ("y = Sub (c, x)", ["Mul", "Add"]),
        ("a = Relu (x) y = Sum (a, x)", ["Relu", "Add"]),
        ("a = Relu (x) y = Sum (a, x, a)", ["Relu", "Add", "Add"]),
        ("y = Div (x, c)", ["Mul"]),
        ("y = Div (c, x)", ["Div"]),
    ],
)
def test_arithmetic_is_simplified(build, apply, ops, body, left) -> None:
    _, after = apply(SimplifyArithmetic(), build(f"{FLAT} {{ {body} }}", {"c": (4,)}))
    assert ops(after) == left


@pytest.mark.parametrize(
    ("clip", "left"),
    [
        ("<float zero = {0.0}, float six = {0.5}> { y = Clip (x, zero, six) }", ["Relu", "Min"]),
        ("<float zero = {0.0}> { y = Clip (x, zero) }", ["Relu"]),
    ],
)
def test_clips_split(build, apply, ops, clip, left) -> None:
    count, after = apply(SplitClip(), build(f"{FLAT} {clip}", {}))
    assert (count, ops(after)) == (1, left)


def test_a_clip_that_is_no_relu_stays(build) -> None:
    model = build(f"{FLAT} <float low = {{-1.0}}, float high = {{1.0}}> {{ y = Clip (x, low, high) }}", {})
    graph = Graph.from_proto(model)
    PassManager([SplitClip()]).run(graph)
    assert [n.op for n in graph.nodes()] == ["Clip"]


def test_relus_become_neurons(build, apply, ops) -> None:
    body = "a = Relu (x) b = Add (a, x) y = Relu (b)"
    count, after = apply(LowerRelu(CODING, {"a": np.array([2.0])}), build(f"{FLAT} {{ {body} }}", {}), equivalent=False)
    assert count == 2
    assert ops(after) == ["OneSpikeNeuron", "Add", "OneSpikeNeuron"]
    assert [o.name for o in after.graph.output] == ["y"]
    assert [v.type.tensor_type.shape.dim[1].dim_value for v in after.graph.value_info] == [4, 4]
    assert [scale_of(after, number) for number in (0, 2)] == [2, 1]


def scale_of(model, number: int) -> float:
    """The scale of the neuron that is node `number`."""
    constants = {t.name: numpy_helper.to_array(t) for t in model.graph.initializer}
    return float(constants[model.graph.node[number].input[1]].max())


def test_a_ceiling_goes_into_the_neuron(build, apply, ops) -> None:
    model = build(f"{FLAT} <float c = {{1.0}}> {{ a = Relu (x) b = Min (a, c) y = Add (b, x) }}", {})
    _, after = apply(LowerRelu(CODING), model, equivalent=False)
    assert ops(after) == ["OneSpikeNeuron", "Add"]


def test_a_ceiling_below_the_scale_goes_in_front(build, apply, ops) -> None:
    model = build(f"{FLAT} <float c = {{1.0}}> {{ a = Relu (x) b = Min (a, c) y = Add (b, x) }}", {})
    _, after = apply(LowerRelu(CODING, {"b": np.array([4.0])}), model, equivalent=False)
    assert ops(after) == ["Min", "OneSpikeNeuron", "Add"]
    _, after = apply(LowerRelu(snncc.Rate(T=8), {"b": np.array([4.0])}), model, equivalent=False)
    assert ops(after) == ["IFNeuron", "Add"]
    assert scale_of(after, 0) == 1  # over time it is the neuron's own


@pytest.mark.parametrize(
    ("shift", "eighths"),
    [
        ("init", [[0, 0, 1, 5], [8, 8, 4, 2]]),
        ("bias", [[0, 0, 1, 5], [8, 8, 4, 2]]),
        ("none", [[0, 0, 0, 4], [7, 8, 3, 1]]),
    ],
)
def test_rate_neurons_that_wait_round_by_their_shift(build, shift, eighths) -> None:
    graph = Graph.from_proto(build(f"{FLAT} {{ y = Relu (x) }}", {}))
    LowerRelu(snncc.Rate(T=8, wait=8, shift=shift)).run(graph)
    session = cpu_session(export_model(graph.to_proto(), {"snncc.version": "0"}))
    x = np.array([[-0.3, 0.05, 0.07, 0.57], [0.95, 1.4, 0.45, 0.2]], np.float32)
    np.testing.assert_array_equal(session.run(None, {"x": x})[0], np.divide(eighths, 8))
    np.testing.assert_array_equal(snncc.Rate(T=8, shift=shift).code(np.maximum(x, 0)), np.divide(eighths, 8))


def test_inputs_are_encoded_once(build) -> None:
    graph = Graph.from_proto(build(f"{FLAT} {{ a = Relu (x) y = Add (a, x) }}", {}))
    assert EncodeInput(CODING, {"x": 3.0}).run(graph) == 1
    assert [n.op for n in graph.nodes()] == ["PhaseNeuron", "Relu", "Add"]
    assert scale_of(graph.to_proto(), 0) == 1.5  # the levels of binary coding sum to almost 2
    assert EncodeInput(snncc.Phase(T=8, Q=1.5, input="analog"), {"x": 3.0}).run(graph) == 0


def residual(build, body: str) -> Graph:
    model = build(f"net (float[N,4,3,3] x) => (float[N,4,3,3] y) {{ {body} }}", {"w": (4, 4, 1, 1), "k": (4, 1, 1)})
    graph = Graph.from_proto(model)
    graph.infer_shapes()
    LowerRelu(CODING).run(graph)
    graph.infer_shapes()
    return graph


@pytest.mark.parametrize("total", ["a = Add (h, x)", "a = Add (x, h)", "m = Mul (x, k) a = Add (m, h)"])
def test_shortcuts_fuse_and_give_the_same_spikes(build, assert_equivalent, total) -> None:
    graph = residual(build, f"h = Conv (x, w) {total} y = Relu (a)")
    before = export_model(graph.copy().to_proto(), {"snncc.version": "0"})
    assert FuseResidual().run(graph) == 1
    after = export_model(graph.to_proto(), {"snncc.version": "0"})
    assert [n.op_type for n in after.graph.node] == ["Conv", "ResidualOneSpikeNeuron"]
    assert after.graph.node[1].input[0] == after.graph.node[0].output[0]
    assert_equivalent(before, after, rtol=0, atol=0)


def test_a_sum_that_is_read_twice_does_not_fuse(build, skips) -> None:
    assert FuseResidual().run(residual(build, "h = Conv (x, w) a = Add (h, x) r = Relu (a) y = Add (r, a)")) == 0
    assert "other users" in skips()


def test_a_sum_that_broadcasts_does_not_fuse(build, skips) -> None:
    assert FuseResidual().run(residual(build, "g = GlobalAveragePool (x) a = Add (x, g) y = Relu (a)")) == 0
    assert "differ in shape" in skips()


@pytest.mark.parametrize(
    ("body", "added"),
    [
        ("h = Conv (x, w) {} y = Relu (h)", 0),
        ("i = Conv (x, w) h = Add (x, i) {} y = Relu (h)", 0),
        ("i = Conv (x, w) h = Mul (i, k) {} y = Relu (h)", 0),
        ("h = Add (x, x) {} y = Relu (h)", 1),
        ("i = Conv (x, w) h = Add (i, x) {} r = Relu (h) y = Add (r, i)", 1),
    ],
)
def test_corrections_reach_the_potential_and_nothing_else(build, assert_equivalent, body, added) -> None:
    head = "net (float[N,4,3,3] x) => (float[N,4,3,3] y) <float[4,1,1] missing = {0.5, -1.0, 0.0, 2.0}>"
    weights = {"w": (4, 4, 1, 1), "k": (4, 1, 1)}
    graph = Graph.from_proto(build(f"{head} {{ {body.format('')} }}", weights))
    graph.infer_shapes()
    offset = np.array([0.5, -1.0, 0.0, 2.0]).reshape(4, 1, 1)
    assert CorrectPotentials({"h": PotentialCorrection(np.ones((4, 1, 1)), offset)}).run(graph) == 1
    graph.infer_shapes()
    assert len(graph.nodes()) == len(body.split(" = ")) - 1 + added
    expected = body.format("c = Add (h, missing)").replace("Relu (h)", "Relu (c)")
    assert_equivalent(build(f"{head} {{ {expected} }}", weights), graph.to_proto())


@pytest.mark.parametrize(
    "body", ["h = Conv (x, w) {} y = Relu ({})", "i = Conv (x, w) h = Add (x, i) {} y = Relu ({})"]
)
def test_gains_apply_after_offsets(build, assert_equivalent, body) -> None:
    head = "net (float[N,4,3,3] x) => (float[N,4,3,3] y) <float[4,1,1] c = {0.5, -1.0, 0.0, 2.0}, float[1] g = {3.0}>"
    graph = Graph.from_proto(build(f"{head} {{ {body.format('', 'h')} }}", {"w": (4, 4, 1, 1)}))
    graph.infer_shapes()
    offset = np.array([0.5, -1.0, 0.0, 2.0]).reshape(4, 1, 1)
    CorrectPotentials({"h": PotentialCorrection(np.full((1, 1, 1), 3.0), offset)}).run(graph)
    graph.infer_shapes()
    HoistScales().run(graph)
    graph.infer_shapes()
    expected = body.format("s = Add (h, c) t = Mul (s, g)", "t")
    assert_equivalent(build(f"{head} {{ {expected} }}", {"w": (4, 4, 1, 1)}), graph.to_proto())


@pytest.mark.parametrize(
    "body",
    [
        "h = MatMul (x, w) {} y = Relu ({})",
        "h = MatMul (x, w) {} y = Identity ({})",
        "i = MatMul (x, w) h = Add (i, b) {} y = Relu ({})",
        "h = Gemm (x, w) {} y = Relu ({})",
        "h = Gemm (x, w, b) {} y = Relu ({})",
        "i = MatMul (x, w) h = Mul (i, b) {} y = Relu ({})",
        "i = MatMul (x, w) h = Add (x, i) {} y = Relu ({})",
        "i = MatMul (x, w) k = MatMul (x, w) h = Add (i, k) {} y = Relu ({})",
        "h = Relu (x) {} y = MatMul ({}, w)",
        "h = MatMul (x, w) {} z = Relu ({}) k = Relu (h) y = Add (z, k)",
    ],
)
def test_gains_apply_after_offsets_whatever_takes_the_offset(build, assert_equivalent, body) -> None:
    head = (
        "net (float[N,4] x) => (float[N,4] y) <float[4] c = {0.5, -1.0, 0.0, 2.0}, float[4] g = {3.0, 0.5, 1.0, 2.0}>"
    )
    weights = {"w": (4, 4), "b": (4,)}
    graph = Graph.from_proto(build(f"{head} {{ {body.format('', 'h')} }}", weights))
    graph.infer_shapes()
    offset, gain = np.array([[0.5, -1.0, 0.0, 2.0]]), np.array([[3.0, 0.5, 1.0, 2.0]])
    CorrectPotentials({"h": PotentialCorrection(gain, offset)}).run(graph)
    graph.infer_shapes()
    HoistScales().run(graph)
    graph.infer_shapes()
    expected = body.format("s = Add (h, c) t = Mul (s, g)", "t").replace("k = Relu (h)", "k = Relu (t)")
    assert_equivalent(build(f"{head} {{ {expected} }}", weights), graph.to_proto())


@dataclass(frozen=True)
class Spoil(Pass):
    name: ClassVar[str] = "spoil"

    def run(self, _graph: Graph) -> int:
        return 1

    def ensures(self, _graph: Graph) -> None:
        raise PostconditionError("nothing was done to 'x'")


def test_the_manager_says_whose_fault_it_is(build) -> None:
    graph = Graph.from_proto(build(f"{FLAT} {{ y = Relu (x) }}", {}))
    with pytest.raises(PassError, match=r"^nothing was done to 'x' \(spoil\)\. Please report this model$"):
        PassManager([RemoveIdentity(), Spoil()], verify=True).run(graph)


@dataclass(frozen=True)
class Misfit(Pass):
    name: ClassVar[str] = "misfit"

    def run(self, graph: Graph) -> int:
        weight = graph.constant("wide", np.ones((7, 2), np.float32))
        graph.nodes()[0].inputs[1] = weight
        return 1


def test_shapes_that_a_pass_leaves_are_told_in_words(build) -> None:
    graph = Graph.from_proto(build(f"{FLAT} {{ [head] y = MatMul (x, w) }}", {"w": (4, 4)}))
    with pytest.raises(PassError, match=r"rewritten \(misfit\): MatMul 'head': Incompatible dimensions .*--coding fs"):
        PassManager([Misfit()]).run(graph)


def test_every_pass_has_a_kebab_name_and_a_docstring() -> None:
    for name, each in PASSES.items():
        assert name == each.name
        assert each.__doc__


def test_the_comparison_sees_one_percent(build, assert_equivalent) -> None:
    model = build(f"{FLAT} {{ y = Mul (x, k) }}", {"k": (4,)})
    spoilt = build(f"{FLAT} {{ y = Mul (x, k) }}", {"k": (4,)})
    value = numpy_helper.to_array(spoilt.graph.initializer[0]) * np.float32(1.01)
    spoilt.graph.initializer[0].CopyFrom(numpy_helper.from_array(value, "k"))
    with pytest.raises(AssertionError):
        assert_equivalent(model, spoilt)
