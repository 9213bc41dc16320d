# SPDX-License-Identifier: Apache-2.0
"""Inlining of If branches, tensors read from inside a node, and values known from shapes and constants."""

from __future__ import annotations

import numpy as np
import onnx
import pytest

import snncc
from snncc.errors import UnsupportedOpError
from snncc.frontend.branches import without_branches
from snncc.frontend.known_values import KnownValues, with_shapes
from snncc.ir.graph import Graph
from snncc.ir.scopes import captured, reads, writes
from tests.generated.harness import model_of, run_plain

NET = "float[N,4] x", "float[N,4] y"


def _branch(name: str, result: str, body: str, stored: str = "") -> str:
    return f"{name} () => (float[N,4] {result}) {stored} {{ {body} }}"


def _if(condition: str, first: str, second: str, result: str = "y") -> str:
    return f"{result} = If ({condition}) <then_branch = {first}, else_branch = {second}>"


def _same(model: onnx.ModelProto) -> onnx.ModelProto:
    """`model` without its branches, which computes the same."""
    x = np.random.default_rng(0).standard_normal((5, 4)).astype(np.float32)
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    flat = without_branches(copy)
    onnx.checker.check_model(flat, full_check=True)
    assert not [n for n in flat.graph.node if n.op_type == "If"]
    for found, want in zip(run_plain(flat, {"x": x}), run_plain(model, {"x": x}), strict=True):
        np.testing.assert_array_equal(found, want)
    return flat


@pytest.mark.parametrize("condition", ["true", "false"])
def test_names_of_branches_that_are_others_too(condition):
    """Both branches, and two Ifs, call their tensors and weights alike."""
    first = _branch("t", "p", "m = Mul (a, own) p = Neg (m)", "<float[1] own = {2}>")
    second = _branch("e", "p", "m = Add (a, own) p = Abs (m)", "<float[1] own = {3}>")
    lines = f"a = Relu (x) {_if('c', first, second, 'b')} {_if('c', first, second)}"
    value = {"true": 1, "false": 0}[condition]
    flat = _same(model_of(lines, *NET, constants=f"bool c = {{{value}}}"))
    assert len({w.name for w in flat.graph.initializer}) == 3


def test_a_result_that_is_a_weight_or_made_twice():
    """Results of a branch: a weight of its own, and one tensor under two names."""
    both = "t () => (float[N,4] p, float[N,4] p, float[4] own) <float[4] own = {1,2,3,4}> { p = Neg (x) }"
    model = model_of("y = Relu (x)", *NET, constants="bool c = {1}")
    node = onnx.parser.parse_model(
        f'<ir_version: 10, opset_import: ["": 21]> g (float[N,4] x, bool c) => (float[N,4] q) '
        f"{{ q, r, s = If (c) <then_branch = {both}, else_branch = {both}> }}"
    ).graph.node[0]
    ends = [onnx.helper.make_node("Sum", ["q", "r", "s"], ["y"])]
    del model.graph.node[:]
    model.graph.node.extend([node, *ends])
    flat = without_branches(model)
    onnx.checker.check_model(flat)
    x = np.ones((2, 4), np.float32)
    np.testing.assert_array_equal(run_plain(flat, {"x": x})[0], [[-1, 0, 1, 2]] * 2)


def test_nested_branches_read_from_all_around():
    inner = _if("d", _branch("u", "o", "o = Add (m, a)"), _branch("v", "o2", "o2 = Sub (m, a)"), "i")
    first = _branch("t", "p", f"m = Neg (x) s = Shape (m) n = Size (s) d = Equal (n, two) {inner} p = Mul (i, a)")
    second = _branch("e", "q", "q = Identity (a)")
    flat = _same(model_of(f"a = Relu (x) {_if('c', first, second)}", *NET, constants="bool c = {1}, int64 two = {2}"))
    assert [n.op_type for n in flat.graph.node if n.op_type in ("Add", "Sub", "Mul")] == ["Add", "Mul"]


def test_an_open_axis_decides_nothing():
    first, second = _branch("t", "p", "p = Relu (x)"), _branch("e", "q", "q = Neg (x)")
    lines = f"s = Shape (x) n = Gather (s, zero) c = Equal (n, one) {_if('c', first, second)}"
    model = model_of(lines, *NET, constants="int64 zero = {0}, int64 one = {1}")
    with pytest.raises(UnsupportedOpError, match="If: its condition depends on the size of 'x', and holds Relu 'p'"):
        snncc.convert(model, snncc.FS())


def test_a_draw_decides_nothing():
    first, second = _branch("t", "p", "p = Relu (x)"), _branch("e", "q", "q = Neg (x)")
    lines = f"r = RandomUniform <shape = [1]> () c = Greater (r, half) {_if('c', first, second)}"
    with pytest.raises(UnsupportedOpError, match="If: its condition depends on what is not known"):
        snncc.convert(model_of(lines, *NET, constants="float[1] half = {0.5}"), snncc.FS())


def test_widths_that_nodes_compute_tell_shapes():
    """Behind a Pad of computed widths, the size of an axis is known."""
    lines = (
        "s = Shape <start = 1, end = 2> (x) h = Div (s, two) w = Concat <axis = 0> (h, h) z = Pad (x, w, , axes) "
        "t = Shape (z) n = Gather (t, one) c = Equal (n, eight) y = Relu (z)"
    )
    constants = "int64[1] two = {2}, int64[1] axes = {1}, int64 one = {1}, int64 eight = {8}"
    model = model_of(lines, "float[N,4] x", "float[N,8] y", constants=constants)
    assert KnownValues(with_shapes(model)).of("c").item() is True


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("v = Shape (x)", [None, 4]),
        ("s = Shape (x) v = Size (s)", 2),
        ("v = Size (x)", None),
        ("s = Shape (x) t = Gather (s, i) v = Mul (t, t)", [16, None]),
        ("s = Shape (x) v = Concat <axis = 0> (i, s)", [1, 0, None, 4]),
        ("s = Shape (x) t = Slice (s, a, b) v = Squeeze (t)", 4),
        ("s = Shape (x) c = Greater (s, i) v = Or (c, k)", [True, True]),
        ("s = Shape (x) c = Greater (s, i) v = And (c, f)", [False, False]),
        ("s = Shape (x) v = Cast <to = 1> (s)", [None, 4.0]),
        ("v = ReduceSum <keepdims = 0> (x)", "unknown"),
    ],
)
def test_known_values(line, value):
    constants = "int64[2] i = {1, 0}, int64[1] a = {1}, int64[1] b = {2}, bool[1] k = {1}, bool[1] f = {0}"
    model = model_of(f"{line} y = Relu (x)", *NET, constants=constants)
    found = KnownValues(with_shapes(model)).of("v")
    if value == "unknown":
        assert found is None
    else:
        assert found.tolist() == value


def test_what_a_node_reads():
    first = _branch("t", "p", "m = Neg (a) p = Mul (m, own)", "<float[1] own = {2}>")
    second = _branch("e", "q", "q = Clip (b, , )")
    model = model_of(f"a = Relu (x) b = Neg (a) {_if('c', first, second)}", *NET, constants="bool c = {1}")
    node = model.graph.node[-1]
    assert (reads(node), captured(node), writes(node)) == (["c", "a", "b"], ["a", "b"], ["y"])
    graph = Graph.from_proto(model)
    choice = graph.nodes("If")[0]
    assert {t.name for t in graph.reads(choice)} == {"c", "a", "b"}
    (relu,) = graph.nodes("Relu")
    assert [n.name for n in graph.users(relu.outputs[0])] == [graph.nodes("Neg")[0].name, choice.name]
    assert graph.sole_user(relu.outputs[0]) is None
