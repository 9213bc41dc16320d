# SPDX-License-Identifier: Apache-2.0
"""Analog ops that compare, select or count: which nodes these are, and their inputs."""

from __future__ import annotations

import numpy as np
import pytest
from onnx import parser

import snncc
from snncc.analysis.analog_ops import analog_ops, endings
from snncc.analysis.integer_inputs import activation_sources, id_ranges
from snncc.errors import PassError
from snncc.frontend.import_model import import_model
from snncc.ir.graph import Graph
from snncc.passes.lower.encode_input import EncodeInput
from snncc.passes.lower.isolate_analog_ops import IsolateAnalogOps
from snncc.passes.manager import PassManager
from snncc.passes.pipeline import legalisation

FS, PHASE, RATE, WAIT = snncc.FS(K=8), snncc.Phase(T=8), snncc.Rate(T=8), snncc.Phase(T=8, wait=6)
HEAD = '<ir_version: 10, opset_import: ["": 21]> g (float[N, 4] x) =>'
WEIGHTS = "<float[4, 4] w = {1,2,3,4,1,2,3,4,1,2,3,4,1,2,3,4}, float t = {0.5}, int64[1] k = {2}, int64[1] one = {1}>"


def graph_of(body: str, outputs: str = "float[N, M] y", coding: snncc.coding.Coding = FS) -> Graph:
    graph = import_model(parser.parse_model(f"{HEAD} ({outputs}) {WEIGHTS} {{ {body} }}"))
    PassManager(legalisation(coding)).run(graph)
    return graph


def ops(nodes: list[object]) -> list[str]:
    return sorted(n.op for n in nodes)  # type: ignore[attr-defined]


TOP = "m = MatMul (x, w) r = Relu (m) h = MatMul (r, w) v, i = TopK (h, k)"


def test_what_follows_a_choice_at_the_end_is_worked_out_with_it() -> None:
    graph = graph_of(f"{TOP} s = Mul (v, t) y = Flatten (s)")
    assert ops(endings(graph)) == ["Flatten", "Mul", "TopK"]
    assert ops(analog_ops(graph)) == ["TopK"]


def test_islands_in_front_belong_to_the_end_and_what_neurons_follow_does_not() -> None:
    graph = graph_of("m = MatMul (x, w) r = Relu (m) e = Exp (r) v, i = TopK (e, k) y = Cast <to = 1> (i)")
    assert ops(endings(graph)) == ["Cast", "Exp", "TopK"]
    graph = graph_of(f"{TOP} c = Cast <to = 1> (i) q = Relu (c) y = Exp (q)")
    assert not endings(graph)
    assert ops(analog_ops(graph)) == ["Cast", "Exp", "TopK"]


def test_shapes_and_integer_inputs_are_no_choices() -> None:
    shape = "s = Shape <start = 0, end = 1> (x) c = Concat <axis = 0> (s, one, k, k)"
    graph = graph_of(f"m = MatMul (x, w) r = Relu (m) {shape} y = Reshape (r, c)", "float[N, A, B, C] y")
    assert not analog_ops(graph)


@pytest.mark.parametrize("coding", [RATE, WAIT], ids=["rate", "phase"])
def test_the_end_is_given_complete_values(coding) -> None:
    graph = graph_of(f"{TOP} y = Identity (v)", "float[N, 2] y, int64[N, 2] i", coding)
    data = np.random.default_rng(1).normal(0, 1, (16, 4)).astype(np.float32)
    snn = snncc.convert(graph.to_proto(), coding, calibration=data)
    top = next(n for n in snn.graph.node if n.op_type == "TopK")
    maker = next(n for n in snn.graph.node if top.input[0] in n.output)
    assert maker.op_type == ("Readout" if coding is RATE else "Split")
    assert not [n for n in snn.graph.node if n.op_type in ("RunningTotal", "Increase")]


def test_there_is_no_answer_at_every_step() -> None:
    graph = graph_of(f"{TOP} y = Identity (v)", "float[N, 2] y, int64[N, 2] i", RATE)
    with pytest.raises(PassError, match=r"TopK '.*' compares or chooses values, .*without anytime"):
        IsolateAnalogOps(RATE, {}, in_pieces=True, anytime=True).run(graph)


def test_what_is_compared_is_no_code() -> None:
    graph = graph_of("c = Greater (x, t) f = Where (c, x, t) m = MatMul (f, w) y = Relu (m)")
    before = graph.text()
    assert EncodeInput(PHASE, {"x": 1.0}).run(graph) == 0
    assert graph.text() == before
    keep = IsolateAnalogOps(PHASE, {t.name: (0.0, 1.0) for n in graph.nodes() for t in n.outputs})
    assert keep.run(graph) == 2
    where = graph.nodes("Where")[0]
    assert [u.op for u in graph.users(where.outputs[0])] != ["MatMul"]  # which reads the code


def test_ids_that_are_given_as_numbers_are_no_source() -> None:
    graph = graph_of("i = Cast <to = 7> (x) e = Gather (w, i) y = Relu (e)", "float[N, 4, 4] y")
    assert [t.name for t in activation_sources(graph)] == ["e"]
    assert id_ranges(graph, 32) == {"x": 4}


@pytest.mark.parametrize(("op", "kind"), [("Shape", "int64[2]"), ("Size", "int64")])
def test_what_measures_sizes_is_given_spikes(op, kind):
    """Spikes have the shapes of the values that they represent."""
    body = f"y = Relu (x) s = {op} (x)"
    graph = Graph.from_proto(parser.parse_model(f"{HEAD} (float[N, 4] y, {kind} s) {{ {body} }}"))
    graph.infer_shapes()
    assert EncodeInput(PHASE, {"x": 1.0}).run(graph) == 1
    assert graph.producer(graph.nodes(op)[0].inputs[0]).op == "PhaseNeuron"
