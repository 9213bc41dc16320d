# SPDX-License-Identifier: Apache-2.0
"""Each set of ops is defined once, and each module handles all ops of the sets that it uses."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import onnx
import pytest
from onnx import helper, parser

from snncc.analysis.network_view import Network
from snncc.frontend.lost_batch import with_batch_kept
from snncc.frontend.remedies import remedy_for
from snncc.frontend.signs import none_negative
from snncc.ir import op_sets
from snncc.ir.graph import Graph
from snncc.ir.nodes import is_neuron, opset_of
from snncc.passes.canonicalise.remove_redundant_relu import RemoveRedundantRelu
from snncc.passes.manager import PassManager

ROOT = Path(__file__).resolve().parents[2]
SETS = {name: frozenset(getattr(op_sets, name)) for name in op_sets.__all__}
OPS = {schema.name for schema in onnx.defs.get_all_schemas_with_history()} | {"Aggregate"}
SMALL = 3  # a list that has all ops of a smaller set, and others, may mean something else


def _words(node: ast.AST) -> frozenset[str]:
    """The ops of a literal: a set, a tuple, a list, keys, or a text of words."""
    match node:
        case ast.Set() | ast.Tuple() | ast.List():
            values = node.elts
        case ast.Constant(value=str(text)):
            return frozenset(text.split())
        case _:
            return frozenset()
    return frozenset(v.value for v in values if isinstance(v, ast.Constant) and isinstance(v.value, str))


def _written_again(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        words = _words(node)
        for name, ops in SETS.items():
            if words == ops or (len(ops) >= SMALL and OPS >= words > ops):
                yield f"line {getattr(node, 'lineno', 0)}: use {name} of snncc/ir/op_sets.py"


@pytest.mark.parametrize("folder", ["snncc", "passes", "runtime"])
def test_no_set_is_written_in_two_modules(folder: str) -> None:
    files = [p for p in (ROOT / folder).rglob("*.py") if p.name != "op_sets.py"]
    trees = {str(p.relative_to(ROOT)): ast.parse(p.read_text("utf-8")) for p in files}
    found = [f"{path}, {line}" for path, tree in trees.items() for line in _written_again(tree)]
    assert not found, "\n".join(found)


def test_a_set_that_is_written_again_is_found() -> None:
    again = 'A = ("Size", "Shape")\nB = "GRU RNN LSTM Scan"\nC = ("If", "Loop")\n'
    assert len(list(_written_again(ast.parse(again)))) == 2


def test_all_are_ops() -> None:
    assert all(ops <= OPS for ops in SETS.values())


@pytest.mark.parametrize("op", ["DepthToSpace", "SpaceToDepth", "ReduceSum"])
def test_what_only_moves_or_adds_values_keeps_their_signs(op: str) -> None:
    assert none_negative(helper.make_node(op, ["x"], ["y"]), {"x"}, {}.get)
    assert not none_negative(helper.make_node(op, ["x"], ["y"]), (), {}.get)


def test_interpolation_may_overshoot() -> None:
    assert not none_negative(helper.make_node("Resize", ["x"], ["y"]), {"x"}, {}.get)


def test_every_op_that_draws_numbers_has_the_same_remedy() -> None:
    assert len({remedy_for(op, "not supported") for op in op_sets.RANDOM}) == 1


@pytest.mark.parametrize("op", ["Swish", "Sinh", "Atan"])
def test_the_batch_is_kept_through_every_curve(op: str) -> None:
    text = f"""<ir_version: 10, opset_import: ["": 24]> g (float[1,4] x) => (float[1,4] y)
        <int64[1] flat = {{4}}, int64[2] back = {{1, 4}}> {{ a = Reshape(x, flat) b = {op}(a) y = Reshape(b, back) }}"""
    assert with_batch_kept(parser.parse_model(text))


@pytest.mark.parametrize("op", ["GreaterOrEqual", "LessOrEqual"])
def test_what_is_looked_up_by_a_comparison_of_ids_is_an_encoder(op: str) -> None:
    text = f"""<ir_version: 10, opset_import: ["": 21, "ai.snncc": 1]> g (int64[N,4] x) => (float[N,4] y)
        <int64 few = {{2}}, float[1] scale = {{1.0}}>
        {{ a = {op}(x, few) b = Cast<to = 1>(a)
           y, s = ai.snncc.OneSpikeNeuron<levels = [1.0], thresholds = [1.0]>(b, scale) }}"""
    network = Network(parser.parse_model(text))
    assert [n.op_type for n in network.encoders] == ["OneSpikeNeuron"]


def test_a_relu_behind_moved_values_of_a_relu_is_taken_out() -> None:
    text = """<ir_version: 10, opset_import: ["": 21]> g (float[N,4,2,2] x) => (float[N,1,4,4] y)
        { a = Relu(x) b = DepthToSpace<blocksize = 2>(a) c = Relu(b) y = Mul(c, c) }"""
    graph = Graph.from_proto(parser.parse_model(text))
    PassManager((RemoveRedundantRelu(),)).run(graph)
    assert [n.op for n in graph.nodes()] == ["Relu", "DepthToSpace", "Mul"]


def test_nodes_of_graphs_and_of_models_are_neurons_alike() -> None:
    text = """<ir_version: 10, opset_import: ["": 21, "ai.snncc": 1]> g (float[N,4] x) => (float[N,4] y)
        <float[1] scale = {1.0}>
        { a, s = ai.snncc.OneSpikeNeuron<levels = [1.0], thresholds = [1.0]>(x, scale) y = Relu(a) }"""
    model = parser.parse_model(text)
    assert [is_neuron(n) for n in model.graph.node] == [True, False]
    assert [is_neuron(n) for n in Graph.from_proto(model).nodes()] == [True, False]
    assert opset_of(model) == 21
    assert opset_of(onnx.ModelProto()) == onnx.defs.onnx_opset_version()
