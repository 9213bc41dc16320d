# SPDX-License-Identifier: Apache-2.0
"""Tests of step-through."""

from __future__ import annotations

import numpy as np
import onnx
import pytest

import snncc
from snncc.errors import UnsupportedShapeError
from snncc.execution.stream import Stream
from snncc.ir.graph import Graph
from snncc.ir.metadata import metadata_of
from snncc.passes.lower.lower_relu import LowerRelu
from snncc.passes.time.insert_readout import InsertReadout
from snncc.passes.time.to_single_steps import ToSingleSteps
from snncc.runtime import create_session
from tests.passes.time.row_networks import RATE
from tests.passes.time.time_networks import lowered

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


def test_single_steps_have_their_states_outside(build) -> None:
    graph = lowered(build)
    InsertReadout(RATE).run(graph)
    through = ToSingleSteps(1)
    through.run(graph)
    model = graph.to_proto()
    onnx.checker.check_model(model)
    assert [s.initial for s in through.states if s.input.endswith("_V")] == [0.5]
    assert {i.name for i in model.graph.input} == {"x", *(s.input for s in through.states)}
    assert {o.name for o in model.graph.output} == {"y", *(s.output for s in through.states)}
    assert not graph.nodes("Tile")


@pytest.mark.parametrize(
    ("wait", "starts", "steps", "delays"), [(None, [0, 7], 15, 0), (3, [0, 2], 10, 2), (2, [0, 1], 9, 1)]
)
def test_layers_start_after_their_inputs(build, wait, starts, steps, delays) -> None:
    """The first layer sees the whole analog input at once; the second waits; what skips it is delayed if it must."""
    body = "net (float[N,4] x) => (float[N,4] y) { r = Relu (x) a = MatMul (r, W) s = Relu (a) y = Add (s, r) }"
    graph = Graph.from_proto(build(body, {"W": (4, 4)}))
    graph.infer_shapes()
    LowerRelu(snncc.Phase(T=8)).run(graph)
    through = ToSingleSteps(1, wait)
    through.run(graph)
    assert [n.attrs["start"] for n in graph.nodes("PhaseNeuronStep")] == starts
    assert through.steps == [steps]
    assert len([s for s in through.states if "_delay" in s.input]) == delays
