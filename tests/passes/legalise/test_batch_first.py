# SPDX-License-Identifier: Apache-2.0
"""The pass batch-first, and the analysis of batch axes."""

from __future__ import annotations

import numpy as np
import onnx
import onnx.parser
import pytest
from onnx import numpy_helper

from snncc.analysis.batch_axis import batch_axes, batch_axis_error, nodes_off_batch_axis
from snncc.ir.graph import Graph
from snncc.passes.legalise.batch_first import BatchFirst

BEFORE = "net (float[N,7,5] x) => (float[7,N,8] y) { t = Transpose <perm = [1, 0, 2]> (x) "
LAYER = "s = RNN <hidden_size = 6> (t, W, R) u = Squeeze (s, one) "
WEIGHTS = {"W": (1, 6, 5), "R": (1, 6, 6), "M": (6, 8), "b": (8,), "steps": (7, 1, 1)}


CONSTANTS = {"keep": [7, -1, 2, 3], "flat": [-1, 6], "zero": [0], "one": [1], "end": -1}


@pytest.fixture
def beside():
    """`beside(text)`: a network that goes on with `text` after a recurrent layer, from u [7, N, 6]."""

    def make(text: str) -> onnx.ModelProto:
        rng = np.random.default_rng(1)
        model = onnx.parser.parse_model(f'<ir_version: 10, opset_import: ["": 21]>\n{BEFORE} {LAYER} {text} }}')
        given = {name: rng.normal(0, 0.5, shape).astype(np.float32) for name, shape in WEIGHTS.items()}
        given |= {name: np.array(value) for name, value in CONSTANTS.items()}
        model.graph.initializer.extend(
            numpy_helper.from_array(v, k) for k, v in given.items() if f" {k}" in text + LAYER
        )
        return model

    return make


def test_synapses_and_activations_get_the_batch_in_front(beside, apply, ops) -> None:
    count, after = apply(BatchFirst(), beside("m = MatMul (u, M) a = Add (m, b) y = Relu (a)"))
    assert count == 3
    # One Transpose before the layer, one on either side of what follows: those in between cancel.
    assert ops(after) == ["Transpose", "RNN", "Squeeze", "Transpose", "MatMul", "Add", "Relu", "Transpose"]


@pytest.mark.parametrize("text", ["n = Relu (m) y = Sub (n, m)", "y = Add (m, steps)"])
def test_ops_that_tell_samples_or_steps_apart_stay(beside, apply, ops, text) -> None:
    count, after = apply(BatchFirst(), beside(f"m = MatMul (u, M) {text}"))
    assert count == (2 if "Relu" in text else 1)
    assert ops(after)[-1] in ("Sub", "Add")


def test_networks_without_recurrent_layers_are_left_alone(build, apply) -> None:
    body = "net (float[N,7,5] x) => (float[7,N,5] y) { t = Transpose <perm = [1, 0, 2]> (x) y = Relu (t) }"
    assert apply(BatchFirst(), build(body, {}))[0] == 0


@pytest.mark.parametrize(
    ("text", "axis"),
    [
        ("y = Relu (u)", 1),
        ("y = Reshape (u, keep)", 1),
        ("y = Reshape (u, flat)", None),
        ("y = Transpose <perm = [2, 1, 0]> (u)", 1),
        ("y = Transpose <perm = [0, 2, 1]> (u)", 2),
        ("y = Unsqueeze (u, zero)", 2),
        ("y = ReduceMean <keepdims = 0> (u, zero)", 0),
        ("y = ReduceMean <keepdims = 0> (u, one)", None),
        ("y = Gather <axis = 0> (u, end)", 0),
        ("y = Gather <axis = 2> (u, end)", 1),
        ("y = Softmax (u)", 1),
    ],
)
def test_axis_of_the_batch_is_followed(beside, text, axis) -> None:
    model = beside(text)
    model.graph.output[0].type.tensor_type.ClearField("shape")
    graph = Graph.from_proto(model)
    graph.infer_shapes()
    axes = batch_axes(graph)
    assert axes[id(graph.outputs[0])] == axis
    assert graph.nodes("RNN")[0] in nodes_off_batch_axis(graph).values()
    assert batch_axis_error(graph.nodes("RNN")[0], axes) is None
