# SPDX-License-Identifier: Apache-2.0
"""repeat-currents, pool-spikes, read-out, doubt-spikes, step-through."""

from __future__ import annotations

import numpy as np
import onnx
import pytest

import snncc
from snncc.analysis.analog_ops import analog_ops
from snncc.coding import Coding
from snncc.coding.scales import SpikeConfidence
from snncc.errors import OptionError
from snncc.ir.graph import Graph
from snncc.passes.finalise.apply_spike_confidence import ApplySpikeConfidence
from snncc.passes.lower.encode_input import EncodeInput
from snncc.passes.lower.isolate_analog_ops import IsolateAnalogOps
from snncc.passes.lower.lower_relu import LowerRelu
from snncc.passes.time.insert_readout import InsertReadout
from snncc.passes.time.pool_spikes import PoolSpikes
from snncc.passes.time.repeat_constant_currents import RepeatConstantCurrents
from snncc.passes.time.to_single_steps import ToSingleSteps

RATE = snncc.Rate(T=4)
MLP = "net (float[N,4] x) => (float[N,3] y) { a = MatMul (x, W) r = Relu (a) s = Add (r, x) y = MatMul (s, V) }"
SIZES = {"W": (4, 4), "V": (4, 3)}


def lowered(build, coding: Coding = RATE, body: str = MLP, sizes=None) -> Graph:
    graph = Graph.from_proto(build(body, SIZES if sizes is None else sizes))
    graph.infer_shapes()
    LowerRelu(coding).run(graph)
    RepeatConstantCurrents(coding.slices).run(graph)
    return graph


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


def test_pools_choose_who_has_sent_most(build, ops) -> None:
    body = "net (float[N,1,4,4] x) => (float[N,1,2,2] y) { r = Relu (x) "
    body += "y = MaxPool <kernel_shape = [2, 2], strides = [2, 2]> (r) }"
    graph = lowered(build, body=body, sizes={})
    assert PoolSpikes(4).run(graph) == 1
    assert ops(graph.to_proto()) == ["Tile", "IFNeuron", "RunningTotal", "MaxPool", "Increase"]


def test_the_readout_stands_in_front_of_a_softmax(build, ops) -> None:
    graph = lowered(build, body=MLP.replace("y = MatMul (s, V)", "z = MatMul (s, V) y = Softmax (z)"))
    assert InsertReadout(RATE).run(graph) == 1
    assert ops(graph.to_proto())[-3:] == ["MatMul", "Readout", "Softmax"]
    assert [o.name for o in graph.outputs] == ["y"]


def test_of_slices_the_last_one_is_read(build) -> None:
    coding = snncc.Phase(T=8, wait=6)
    graph = lowered(build, coding)
    EncodeInput(coding, {"x": 1.0}).run(graph)
    assert InsertReadout(coding).run(graph) == 1
    split = graph.producer(graph.outputs[0])
    assert (split.op, split.inputs[1].inputs[0].op, len(split.outputs)) == ("Split", "Concat", 2)  # sizes are computed
    assert graph.outputs[0] is split.outputs[-1]


def test_islands_see_means_over_all_steps(build) -> None:
    graph = lowered(build, body=MLP.replace("s = Add (r, x)", "e = Exp (r) s = Relu (e)"))
    assert [n.op for n in analog_ops(graph)] == ["Exp"]
    assert IsolateAnalogOps(RATE, {"e": (0.0, 3.0)}).run(graph) == 1
    for op in ("RunningTotal", "Increase"):
        assert [(n.attrs["steps"], n.attrs["mean"]) for n in graph.nodes(op)] == [(4, 1)]


def test_anytime_stacks_the_steps_in_front(build) -> None:
    model = build(MLP, SIZES)
    x = np.random.default_rng(0).random((5, 4)).astype(np.float32)
    every, last = (snncc.convert(model, snncc.Rate(T=6), calibration=x, anytime=flag) for flag in (True, False))
    from snncc.runtime import create_session

    found, final = (create_session(m, device="cpu").run(None, {"x": x})[0] for m in (every, last))
    assert found.shape == (6, 5, 3)
    np.testing.assert_array_equal(found[-1], final)


@pytest.mark.parametrize(("coding", "form"), [(snncc.Phase(), "auto"), (snncc.FS(), "auto"), (snncc.Rate(), "loop")])
def test_anytime_needs_outputs_at_every_step(build, coding, form) -> None:
    with pytest.raises(OptionError, match="anytime needs"):
        snncc.convert(build(MLP, SIZES), coding, anytime=True, form=form, input_range=(0, 1))


def test_doubts_reach_the_layers_that_calibration_names(build) -> None:
    graph = lowered(build, snncc.MSAT(T=4))
    name = graph.nodes("MSATNeuron")[0].name
    assert ApplySpikeConfidence({"other": SpikeConfidence(0.5, 2)}).run(graph) == 0
    assert ApplySpikeConfidence({name: SpikeConfidence(0.75, 2)}, seed=3).run(graph) == 1
    attributes = graph.nodes("ConfidentMSATNeuron")[0].attrs
    assert (attributes["survival"], attributes["early"]) == (3 * 2**30, 2)


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
