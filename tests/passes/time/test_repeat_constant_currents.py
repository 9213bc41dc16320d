# SPDX-License-Identifier: Apache-2.0
"""Tests of repeat-currents."""

from __future__ import annotations

import pytest

from snncc.compiler.agreement import output_shapes, refuse_rows
from snncc.errors import PassError, UnsupportedShapeError
from snncc.passes.lower.lower_relu import LowerRelu
from snncc.passes.shared.batch_rows import repeat_constants
from snncc.passes.time.repeat_constant_currents import RepeatConstantCurrents
from tests.passes.time.row_networks import RATE, ROWS, graph_of, stacked_network
from tests.passes.time.time_networks import MLP, SIZES, lowered


def test_only_rows_of_samples_are_repeated(build) -> None:
    graph = stacked_network(build, ROWS)
    assert [n.inputs[0].name for n in graph.nodes("Tile")] == ["x", "q"]


def test_constants_of_a_fixed_batch_are_repeated_once(build) -> None:
    body = "net (float[2,3] x) => (float[2,3] y) <float[2,3] d = {1,2,3,4,5,6}> { r = Relu (x) a = Add (r, d) "
    graph = graph_of(build, body + "y = Mul (a, d) }")
    LowerRelu(RATE).run(graph)
    assert repeat_constants(graph, 4) == 1
    assert repeat_constants(graph, 4) == 0
    (tile,) = graph.nodes("Tile")
    assert graph.value(tile.inputs[1]).tolist() == [4, 1]


def test_a_single_number_has_no_rows_however_many_axes_it_meets(build) -> None:
    body = "net (float[N] x) => (float[N] y) <float k = {4}> { r = Relu (x) m = Mul (r, k) y = Abs (m) }"
    graph = graph_of(build, body)
    graph.nodes("Mul")[0].outputs[0].shape = None
    LowerRelu(RATE).run(graph)
    assert repeat_constants(graph, 4) == 0


@pytest.mark.parametrize(("length", "left"), [("6", [-1, 3]), ("L", None)])
def test_a_fixed_batch_moves_to_the_inferred_axis(build, length, left) -> None:
    body = f"net (float[2,{length}] x) => (float[4,A] y) <int64[2] s = {{4, -1}}> {{ r = Relu (x) y = Reshape (r, s) }}"
    graph = graph_of(build, body)
    LowerRelu(RATE).run(graph)
    if left is None:
        with pytest.raises(PassError, match=r"Reshape 'y.*' makes 4 rows of its input"):
            RepeatConstantCurrents(4).run(graph)
        return
    RepeatConstantCurrents(4).run(graph)
    assert [graph.value(n.inputs[1]).tolist() for n in graph.nodes("Reshape")] == [left]


def test_rows_that_do_not_fit_are_refused(build) -> None:
    graph = graph_of(build, ROWS)
    unit, expected = output_shapes(graph)
    refuse_rows(graph, "it", unit, expected)
    LowerRelu(RATE).run(graph)
    RepeatConstantCurrents(4).run(graph)  # without what note-rows finds
    with pytest.raises(UnsupportedShapeError, match=r"output 'y' of 2 samples would be|rows do not fit"):
        refuse_rows(graph, "it", unit, expected)


def test_currents_are_repeated_once_where_they_meet_steps(build, ops) -> None:
    graph = lowered(build)
    assert sorted(ops(graph.to_proto())) == ["Add", "IFNeuron", "MatMul", "MatMul", "Tile", "Tile"]
    assert graph.producer(graph.nodes("IFNeuron")[0].inputs[0]).op == "Tile"
    assert [graph.producer(t).op for t in graph.nodes("Add")[0].inputs] == ["IFNeuron", "Tile"]
    repeated = {t.name for tile in graph.nodes("Tile") for t in tile.inputs[:1]}
    assert repeated == {"a", "x"}  # the first synapses run once, in front
    assert [graph.value(tile.inputs[1]).tolist() for tile in graph.nodes("Tile")] == [[4, 1]] * 2


def test_a_reshape_to_one_sample_is_freed(build) -> None:
    body = "net (float[1,4] x) => (float[1,4] y) <int64[3] s = {1, 2, 2}, int64[2] f = {1, 4}> "
    body += "{ r = Relu (x) a = Reshape (r, s) y = Reshape (a, f) }"
    graph = lowered(build, body=body, sizes={})
    assert [graph.value(n.inputs[1]).tolist() for n in graph.nodes("Reshape")] == [[-1, 2, 2], [-1, 4]]


def test_values_in_one_piece_are_not_repeated(build, apply) -> None:
    assert apply(RepeatConstantCurrents(1), build(MLP, SIZES))[0] == 0
