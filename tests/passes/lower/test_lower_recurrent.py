# SPDX-License-Identifier: Apache-2.0
"""Single recurrent nodes: the loop equals the node, and few-spikes gates approximate it."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import onnx
import pytest

import snncc
from snncc.analysis.cpu_session import cpu_session
from snncc.analysis.recurrent_layers import unsupported_recurrent
from snncc.calibration.observed_gates import watched_gates
from snncc.errors import OptionError
from snncc.frontend.canonical_recurrent import tidy_recurrent
from snncc.ir.graph import Graph
from snncc.passes.lower import lower_recurrent
from snncc.passes.lower.lower_recurrent import LowerRecurrent
from snncc.passes.lower.recurrent_body import scan_body

OPS = ("LSTM", "GRU", "RNN")
PLAIN: list[tuple[str, dict[str, Any]]] = [
    (op, {"direction": direction, "lengths": lengths, "initial": initial})
    for op, direction, (lengths, initial) in itertools.product(
        OPS, ("forward", "reverse", "bidirectional"), ((False, False), (True, True))
    )
]
SPECIAL: list[tuple[str, dict[str, Any]]] = [
    ("LSTM", {"peepholes": True, "direction": "bidirectional", "lengths": True}),
    ("LSTM", {"clip": 3.0}),
    ("LSTM", {"clip": 0.5}),
    ("LSTM", {"input_forget": 1, "peepholes": True}),
    ("LSTM", {"activations": ["HardSigmoid", "Tanh", "Tanh"]}),
    ("GRU", {"linear_before_reset": 1, "direction": "bidirectional"}),
    ("GRU", {"clip": 3.0, "linear_before_reset": 1}),
    ("RNN", {"clip": 3.0, "lengths": True}),
    ("RNN", {"activations": ["Relu"], "scale": 0.3}),
    ("RNN", {"activations": ["Relu", "Tanh"], "direction": "bidirectional", "scale": 0.3}),
]


def run(model: onnx.ModelProto) -> list[np.ndarray]:
    feeds = {"x": np.random.default_rng(2).normal(0, 1, (9, 3, 5)).astype(np.float32)}
    if len(model.graph.input) > 1:
        feeds["lengths"] = np.array([9, 4, 1], np.int32)
    return cpu_session(model).run(None, feeds)


def lowered(model: onnx.ModelProto, each: LowerRecurrent) -> onnx.ModelProto:
    graph = Graph.from_proto(model)
    graph.infer_shapes()
    assert all(unsupported_recurrent(graph, node) is None for node in graph.nodes())
    assert each.run(graph) == 1
    assert each.run(graph) == 0
    graph.infer_shapes()
    result = graph.to_proto()
    onnx.checker.check_model(result, full_check=True)
    return result


@pytest.mark.parametrize(("op", "options"), PLAIN + [s for s in SPECIAL if s[1].get("clip") != 3.0])
def test_loop_with_exact_gates_is_the_node(layer, monkeypatch, op, options) -> None:
    def exact(layer, side, gate, prefix, dtype):
        def curve(body, activation, potential, bound, name):
            return body.add(activation, [potential], name)

        return scan_body(layer, side, curve, prefix, dtype)

    monkeypatch.setattr(lower_recurrent, "scan_body", exact)
    model = layer(op, **options)
    for a, b in zip(run(model), run(lowered(model, LowerRecurrent(16, 16, {}))), strict=True):
        np.testing.assert_allclose(b, a, atol=1e-5)


@pytest.mark.parametrize(("op", "options"), PLAIN + [s for s in SPECIAL if s[1].get("clip") != 0.5])
def test_few_spikes_gates_come_near_it(layer, cosine, op, options) -> None:
    model = layer(op, **options)
    exact = run(model)
    states = {"layer": (0.0, float(max(v.max() for v in exact)))}
    for a, b in zip(exact, run(lowered(model, LowerRecurrent(16, 16, states))), strict=True):
        assert cosine(a, b) >= 0.999


def test_gates_with_idle_steps_are_the_same(layer) -> None:
    model = layer("LSTM", direction="bidirectional")
    long, short = (run(lowered(model, LowerRecurrent(16, length, {}))) for length in (40, 16))
    assert all(np.array_equal(a, b) for a, b in zip(long, short, strict=True))


def test_gates_are_named_and_products_are_all_that_is_analog(layer) -> None:
    model = lowered(layer("LSTM"), LowerRecurrent(16, 16, {}))
    body = next(n for n in model.graph.node if n.op_type == "Scan").attribute[0].g
    gates = [n.name for n in body.node if n.op_type == "FSNeuron"]
    assert gates == [f"layer_forward/{gate}_gate" for gate in ("input", "forget", "cell", "output", "state")]
    assert not {"Sigmoid", "Tanh", "Relu", "Clip"} & {n.op_type for n in body.node}


@pytest.mark.parametrize(
    ("op", "options", "reason"),
    [
        ("LSTM", {"activations": ["Sigmoid", "Softsign", "Tanh"]}, "activation Softsign has no few-spikes neuron here"),
        ("GRU", {"activations": ["Sigmoid", "Relu"]}, "activation Relu, of unknown range inside the layer"),
        (
            "LSTM",
            {"activations": ["HardSigmoid", "Tanh", "Tanh"], "activation_alpha": [0.3]},
            "HardSigmoid with another",
        ),
    ],
)
def test_what_has_no_neuron_is_refused(layer, op, options, reason) -> None:
    graph = Graph.from_proto(layer(op, **options))
    assert reason in str(unsupported_recurrent(graph, graph.nodes(op)[0]))


def test_weights_and_states_that_cannot_be_used_are_refused(layer) -> None:
    model = layer("GRU", initial=True)
    value = onnx.numpy_helper.to_array(next(t for t in model.graph.initializer if t.name == "h")).copy()
    value[:, 1] += 1
    next(t for t in model.graph.initializer if t.name == "h").CopyFrom(onnx.numpy_helper.from_array(value, "h"))
    graph = Graph.from_proto(model)
    assert "differs from sample to sample" in str(unsupported_recurrent(graph, graph.nodes("GRU")[0]))
    assert watched_gates(graph) == (graph, {})
    for found, expected in zip(run(tidy_recurrent(model)), run(model), strict=True):
        np.testing.assert_array_equal(found, expected)
    graph = Graph.from_proto(layer("GRU"))
    node = graph.nodes("GRU")[0]
    node.inputs[1] = graph.add("Relu", [node.inputs[1]], name="computed")
    assert "dynamic weight W" in str(unsupported_recurrent(graph, node))


@pytest.mark.parametrize(
    ("coding", "wanted", "expected"),
    [
        (snncc.Phase(), None, (16, 16)),
        (snncc.Phase(), 24, (24, 24)),
        (snncc.FS(K=10), None, (10, 10)),
        (snncc.FS(K=20), None, (20, 20)),
        (snncc.FS(K=20), 12, (12, 20)),
        (snncc.Rate(T=64, wait=64), None, (16, 64)),
        (snncc.Rate(T=8, wait=8), None, (8, 8)),
    ],
)
def test_gates_have_as_many_steps_as_suit_the_coding(coding, wanted, expected):
    assert coding.gates(wanted) == expected


@pytest.mark.parametrize(("coding", "wanted"), [(snncc.Phase(), 25), (snncc.Phase(), 0), (snncc.FS(K=10), 11)])
def test_gates_have_no_more_steps_than_there_are(coding, wanted):
    with pytest.raises(OptionError, match="are possible"):
        coding.gates(wanted)
