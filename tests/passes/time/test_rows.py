# SPDX-License-Identifier: Apache-2.0
"""note-rows, stacked-sizes, repeat-currents on constants, and passes on rows that are parts of samples."""

from __future__ import annotations

import numpy as np
import pytest

import snncc
from snncc.analysis.trial import shape_only, trials
from snncc.compiler.agreement import output_shapes, refuse_rows
from snncc.errors import PassError, UnsupportedShapeError
from snncc.execution.stream import Stream
from snncc.frontend.static_shapes import make_shapes_static
from snncc.ir.graph import Graph
from snncc.ir.metadata import metadata_of
from snncc.passes.lower.encode_input import EncodeInput
from snncc.passes.lower.lower_relu import LowerRelu
from snncc.passes.shared.batch_rows import repeat_constants
from snncc.passes.shared.scale_propagation import factor_after_move
from snncc.passes.time.note_rows import NoteRows
from snncc.passes.time.repeat_constant_currents import RepeatConstantCurrents
from snncc.passes.time.stacked_sizes import StackedSizes
from snncc.passes.time.to_single_steps import ToSingleSteps
from snncc.runtime import create_session

RATE = snncc.Rate(T=4)
CONSTANTS = "<float[1,1,4] c = {1,2,3,4}, int64[1] four = {4}, int64[1] one = {1}, int64[1] m = {-1}>"
# A constant for each sample, and one for each place, which all samples share.
ROWS = f"""net (float[N,L,4] x) => (float[N,L,4] y) {CONSTANTS} {{
    r = Relu (x) s = Shape (r) p = Expand (c, s) q = Tanh (p)
    l = Shape <start = 1, end = 2> (r) o = Concat <axis = 0> (one, l, four) z = Expand (c, o)
    a = Add (r, q) y = Mul (a, z) }}"""
# [N, L, 4] -> [N L, 4] -> [N, L, 4].
FOLDED = f"""net (float[N,L,4] x) => (float[N,L,4] y) {CONSTANTS} {{
    r = Relu (x) n = Shape <start = 0, end = 1> (r) l = Shape <start = 1, end = 2> (r) k = Mul (n, l)
    f = Concat <axis = 0> (k, four) a = Reshape (r, f) t = Tanh (a)
    b = Concat <axis = 0> (n, m, four) y = Reshape (t, b) }}"""


def graph_of(build, body: str, sizes=None) -> Graph:
    graph = Graph.from_proto(build(body, sizes or {}))
    graph.infer_shapes()
    return graph


def test_rows_of_samples_are_told_from_tables(build, ops) -> None:
    graph = graph_of(build, ROWS)
    before = ops(graph.to_proto())
    noted = NoteRows(4)
    assert noted.run(graph) == 0
    assert noted.rows == {"q"}
    assert ops(graph.to_proto()) == before
    noted.run(graph)
    assert noted.rows == {"q"}
    none = NoteRows(1)
    none.run(graph)
    assert not none.rows


def test_what_cannot_be_measured_is_refused(build) -> None:
    body = "net (float[N,L] x) => (float[5,7] y) <int64[2] s = {5, 7}, float[1,1] c = {1}> "
    body += "{ r = Reshape (x, s) k = Shape (r) p = Expand (c, k) y = Add (r, p) }"  # it takes 35 values only
    with pytest.raises(UnsupportedShapeError, match=r"whether 'p', which Add 'y.*' takes, has rows for each sample"):
        NoteRows(4).run(graph_of(build, body))


def test_what_repeats_is_told_from_what_counts(build) -> None:
    graph = graph_of(build, ROWS)
    found = shape_only(graph)
    named = {t.name: found[id(t)] for n in graph.nodes() for t in n.outputs if id(t) in found}
    assert named == {"s": False, "p": True, "q": True, "l": False, "o": False, "z": True}


def test_trials_differ_in_every_open_axis(build) -> None:
    runs = trials(graph_of(build, ROWS), ["y"])
    shapes = [run.values["y"].shape for run in runs]
    assert [run.samples for run in runs] == [s[0] for s in shapes] == [2, 3]
    assert shapes[0][1] != shapes[1][1]


def stacked_network(build, body: str) -> Graph:
    graph = graph_of(build, body)
    noted = NoteRows(RATE.slices)
    noted.run(graph)
    LowerRelu(RATE).run(graph)
    RepeatConstantCurrents(RATE.slices, noted.rows).run(graph)
    return graph


def test_only_rows_of_samples_are_repeated(build) -> None:
    graph = stacked_network(build, ROWS)
    assert [n.inputs[0].name for n in graph.nodes("Tile")] == ["x", "q"]


@pytest.mark.parametrize("body", [ROWS, FOLDED])
def test_sizes_are_those_of_samples(build, body) -> None:
    graph = stacked_network(build, body)
    each = StackedSizes(RATE.slices)
    assert each.run(graph) == (1 if body == ROWS else 3)  # a length is right as it is
    assert each.run(graph) == 0
    runs = trials(graph, ["y"])
    assert [run.values["y"].shape[0] for run in runs] == [RATE.slices * run.samples for run in runs]


def factors_of_sizes(graph: Graph) -> list[list[int]]:
    """By how much sizes are divided and multiplied, axis by axis."""
    nodes = [n for n in graph.nodes() if graph.has_role(n, "unstack") or graph.has_role(n, "stack")]
    return [np.atleast_1d(graph.value(n.inputs[1])).tolist() for n in nodes]


def test_sizes_of_a_few_steps_are_those_of_samples(build) -> None:
    """Axes of 1 stay 1; the rows are those of 2 steps in place of all of them."""
    graph = stacked_network(build, FOLDED)
    StackedSizes(RATE.slices).run(graph)
    before = factors_of_sizes(graph)
    assert {f for factors in before for f in factors} == {1, RATE.slices}
    ToSingleSteps(2).run(graph)
    assert factors_of_sizes(graph) == [[2 if f > 1 else 1 for f in factors] for factors in before]


def test_values_in_one_piece_have_the_sizes_of_samples(build, apply) -> None:
    assert apply(StackedSizes(1), build(FOLDED, {}))[0] == 0


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


def test_an_inferred_axis_takes_the_steps_of_any_number_of_samples(build) -> None:
    """Every second place comes first: not the batch, although it is in front."""
    body = "net (float[N,6] x) => (float[2,A] y) <int64[2] s = {2, -1}> { r = Relu (x) y = Reshape (r, s) }"
    coding = snncc.Phase(T=6, wait=3)
    graph = graph_of(build, body)
    LowerRelu(coding).run(graph)
    EncodeInput(coding, {"x": 1.0}).run(graph)
    assert [graph.value(n.inputs[1]).tolist() for n in graph.nodes("Reshape")] == [[2, -1]]


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


def test_a_batch_that_stays_is_copied(build) -> None:
    body = "net (float[1,L,4] x) => (float[1,A] y) <int64[2] s = {1, -1}> { y = Reshape (x, s) }"
    graph = graph_of(build, body)
    make_shapes_static(graph)
    assert [graph.value(n.inputs[1]).tolist() for n in graph.nodes("Reshape")] == [[0, -1]]


FACTORS = {
    "unfolded": ("float[M,4] a", "[3] s = {-1, 3, 4}", "Reshape (a, s)", (1, 4), (1, 1, 4)),
    "folded": ("float[N,3,4] a", "[2] s = {-1, 4}", "Reshape (a, s)", (1, 1, 4), (1, 4)),
    "folded along parts": ("float[N,3,4] a", "[2] s = {-1, 4}", "Reshape (a, s)", (1, 3, 1), None),
    "joined": ("float[N,4] a", "[2] s = {-1, 8}", "Reshape (a, s)", (1, 4), (1, 8)),
    "mixed": ("float[N,4] a", "[2] s = {4, -1}", "Reshape (a, s)", (1, 4), None),
    "mixed, the same factor": ("float[N,4] a", "[2] s = {4, -1}", "Reshape (a, s)", (1, 1), (1, 1)),
    "beyond the batch": ("float[N,4] a", "[1] s = {7}", "Gather <axis = 0> (a, s)", (1, 4), None),
}


@pytest.mark.parametrize("name", FACTORS)
def test_factors_go_through_rows_that_are_parts_of_samples(build, name) -> None:
    given, constant, op, before, after = FACTORS[name]
    rank = 2 if after is None else len(after)
    shape = ", ".join(f"B{a}" for a in range(rank))
    graph = graph_of(build, f"net ({given}) => (float[{shape}] y) <int64{constant}> {{ y = {op} }}")
    factor = np.arange(1.0, np.prod(before) + 1).reshape(before)
    moved = factor_after_move(graph, graph.nodes()[0], factor)
    assert (None if moved is None else moved.shape) == after


def test_rows_that_do_not_fit_are_refused(build) -> None:
    graph = graph_of(build, ROWS)
    unit, expected = output_shapes(graph)
    refuse_rows(graph, "it", unit, expected)
    LowerRelu(RATE).run(graph)
    RepeatConstantCurrents(4).run(graph)  # without what note-rows finds
    with pytest.raises(UnsupportedShapeError, match=r"output 'y' of 2 samples would be|rows do not fit"):
        refuse_rows(graph, "it", unit, expected)


STEPPED = "net (float[N,L,4] x) => (float[N,L,4] y) { r = Relu (x) y = MatMul (r, W) }"


def test_states_have_the_open_axes_of_the_inputs(build) -> None:
    x = np.random.default_rng(0).normal(size=(5, 3, 4)).astype(np.float32)
    model = snncc.convert(build(STEPPED, {"W": (4, 4)}), RATE, calibration=x, form="step")
    states = metadata_of(model)["snncc.form"]["states"]
    assert [s["shape"] for s in states] == [[1], ["N", "L", 4], ["N", "L", 4]]
    stream = Stream(model, device="cpu")
    found = stream.run(x)[0]["y"]
    folded = snncc.convert(build(STEPPED, {"W": (4, 4)}), RATE, calibration=x)
    np.testing.assert_allclose(found, create_session(folded, device="cpu").run(None, {"x": x})[0], atol=1e-5)


def test_states_whose_rows_are_parts_of_samples_are_refused(build) -> None:
    body = "net (float[N,3,4] x) => (float[N,3,4] y) <int64[2] s = {-1, 4}, int64[3] t = {-1, 3, 4}> "
    body += "{ a = Reshape (x, s) r = Relu (a) y = Reshape (r, t) }"
    x = np.random.default_rng(0).normal(size=(5, 3, 4)).astype(np.float32)
    with pytest.raises(UnsupportedShapeError, match="state 'r_neuron_V' has 6 rows for 2 samples"):
        snncc.convert(build(body, {}), RATE, calibration=x, form="step")
    assert snncc.convert(build(body, {}), RATE, calibration=x, form="loop")


@pytest.mark.parametrize("shape", ["1,20", "1,L"])
def test_outputs_with_other_rows_than_samples_are_declared_so(build, shape) -> None:
    body = f"net (float[{shape}] x) => (float[{shape.removeprefix('1,')}] y) <int64[1] m = {{-1}}> "
    x = np.random.default_rng(0).normal(size=(1, 20)).astype(np.float32)
    model = build(f"{body} {{ r = Relu (x) y = Reshape (r, m) }}", {})
    for coding in (RATE, snncc.FS(K=6), snncc.Phase(T=6, wait=3), snncc.MSAT(T=4)):
        for form in ("folded", "loop"):
            snn = snncc.convert(model, coding, calibration=x, form=form)
            (axis,) = snn.graph.output[0].type.tensor_type.shape.dim
            assert not axis.dim_value
            assert axis.dim_param != snn.graph.input[0].type.tensor_type.shape.dim[0].dim_param or not axis.dim_param
            assert create_session(snn, device="cpu").run(None, {"x": x})[0].shape == (20,)
