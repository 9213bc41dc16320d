# SPDX-License-Identifier: Apache-2.0
"""Tests of encode-input."""

from __future__ import annotations

from onnx import numpy_helper

import snncc
from snncc.ir.graph import Graph
from snncc.passes.lower.encode_input import EncodeInput
from snncc.passes.lower.lower_relu import LowerRelu
from tests.passes.time.row_networks import graph_of

FLAT = "net (float[N,4] x) => (float[N,4] y)"


CODING = snncc.Phase(T=8, Q=1.5)


def scale_of(model, number: int) -> float:
    """The scale of the neuron that is node `number`."""
    constants = {t.name: numpy_helper.to_array(t) for t in model.graph.initializer}
    return float(constants[model.graph.node[number].input[1]].max())


def test_inputs_are_encoded_once(build) -> None:
    graph = Graph.from_proto(build(f"{FLAT} {{ a = Relu (x) y = Add (a, x) }}", {}))
    assert EncodeInput(CODING, {"x": 3.0}).run(graph) == 1
    assert [n.op for n in graph.nodes()] == ["PhaseNeuron", "Relu", "Add"]
    assert scale_of(graph.to_proto(), 0) == 1.5  # the levels of binary coding sum to almost 2
    assert EncodeInput(snncc.Phase(T=8, Q=1.5, input="analog"), {"x": 3.0}).run(graph) == 0


def test_an_inferred_axis_takes_the_steps_of_any_number_of_samples(build) -> None:
    """Every second place comes first: not the batch, although it is in front."""
    body = "net (float[N,6] x) => (float[2,A] y) <int64[2] s = {2, -1}> { r = Relu (x) y = Reshape (r, s) }"
    coding = snncc.Phase(T=6, wait=3)
    graph = graph_of(build, body)
    LowerRelu(coding).run(graph)
    EncodeInput(coding, {"x": 1.0}).run(graph)
    assert [graph.value(n.inputs[1]).tolist() for n in graph.nodes("Reshape")] == [[2, -1]]
