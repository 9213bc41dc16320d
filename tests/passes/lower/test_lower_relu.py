# SPDX-License-Identifier: Apache-2.0
"""Tests of lower-relu."""

from __future__ import annotations

import numpy as np
import pytest
from onnx import numpy_helper

import snncc
from snncc.analysis.cpu_session import cpu_session
from snncc.compiler.export import export_model
from snncc.ir.graph import Graph
from snncc.passes.lower.lower_relu import LowerRelu

FLAT = "net (float[N,4] x) => (float[N,4] y)"


CODING = snncc.Phase(T=8, Q=1.5)


def scale_of(model, number: int) -> float:
    """The scale of the neuron that is node `number`."""
    constants = {t.name: numpy_helper.to_array(t) for t in model.graph.initializer}
    return float(constants[model.graph.node[number].input[1]].max())


def test_relus_become_neurons(build, apply, ops) -> None:
    body = "a = Relu (x) b = Add (a, x) y = Relu (b)"
    count, after = apply(LowerRelu(CODING, {"a": np.array([2.0])}), build(f"{FLAT} {{ {body} }}", {}), equivalent=False)
    assert count == 2
    assert ops(after) == ["OneSpikeNeuron", "Add", "OneSpikeNeuron"]
    assert [o.name for o in after.graph.output] == ["y"]
    assert [v.type.tensor_type.shape.dim[1].dim_value for v in after.graph.value_info] == [4, 4]
    assert [scale_of(after, number) for number in (0, 2)] == [2, 1]


def test_a_ceiling_goes_into_the_neuron(build, apply, ops) -> None:
    model = build(f"{FLAT} <float c = {{1.0}}> {{ a = Relu (x) b = Min (a, c) y = Add (b, x) }}", {})
    _, after = apply(LowerRelu(CODING), model, equivalent=False)
    assert ops(after) == ["OneSpikeNeuron", "Add"]


def test_a_ceiling_below_the_scale_goes_in_front(build, apply, ops) -> None:
    model = build(f"{FLAT} <float c = {{1.0}}> {{ a = Relu (x) b = Min (a, c) y = Add (b, x) }}", {})
    _, after = apply(LowerRelu(CODING, {"b": np.array([4.0])}), model, equivalent=False)
    assert ops(after) == ["Min", "OneSpikeNeuron", "Add"]
    _, after = apply(LowerRelu(snncc.Rate(T=8, signed=False), {"b": np.array([4.0])}), model, equivalent=False)
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
