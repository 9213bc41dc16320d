# SPDX-License-Identifier: Apache-2.0
"""A two-layer graph convolution: message passing and aggregation are one spiking layer each."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from onnx import numpy_helper, parser

import snncc
from snncc.ir.metadata import metadata_of
from snncc.runtime import create_session
from snncc.tools.check.structure import STRUCTURE, structural
from snncc.tools.check.subject import CheckSubject

NODES, FEATURES, HIDDEN, CLASSES = 24, 7, 10, 3

# Sums over edges in the form of exporters: all edges at once in the first layer, in two pieces in the second.
TEXT = f"""<ir_version: 10, opset_import: ["": 18]>
gcn (float[N,{NODES},{FEATURES}] x) => (float[N,{NODES},{CLASSES}] logits)
{{
    p = MatMul (x, w1)
    p_shape = Shape (p)
    p_zeros = ConstantOfShape (p_shape)
    p_sent = Gather <axis = 1> (p, sources)
    p_message = Mul (p_sent, weights)
    p_messages = Shape (p_message)
    p_places = Expand (targets, p_messages)
    a = ScatterElements <axis = 1, reduction = "add"> (p_zeros, p_places, p_message)
    h = Relu (a)
    q = MatMul (h, w2)
    q_shape = Shape (q)
    q_zeros = ConstantOfShape (q_shape)
    q_sent = Gather <axis = 1> (q, sources_1)
    q_message = Mul (weights_1, q_sent)
    q_messages = Shape (q_message)
    q_places = Expand (targets_1, q_messages)
    first = ScatterElements <axis = 1, reduction = "add"> (q_zeros, q_places, q_message)
    r_sent = Gather <axis = 1> (q, sources_2)
    r_message = Mul (r_sent, weights_2)
    r_messages = Shape (r_message)
    r_places = Expand (targets_2, r_messages)
    logits = ScatterElements <axis = 1, reduction = "add"> (first, r_places, r_message)
}}"""
DENSE = f"""<ir_version: 10, opset_import: ["": 18]>
gcn (float[N,{NODES},{FEATURES}] x) => (float[N,{NODES},{CLASSES}] logits)
{{ p = MatMul (x, w1) a = MatMul (A, p) h = Relu (a) q = MatMul (h, w2) logits = MatMul (A, q) }}"""

CODINGS: list[tuple[Any, float]] = [
    (snncc.Phase(T=16, Q=1.3), 0.99),
    (snncc.Phase(T=24, Q=1.2, wait=18), 0.99),
    (snncc.Phase(T=16, Q=2.0, spikes=16), 0.999),
    (snncc.FS(K=16), 0.999),
    (snncc.Rate(T=64), 0.99),
    (snncc.Rate(T=64, wait=64), 0.99),
    (snncc.MSAT(T=128), 0.98),
]


def adjacency() -> np.ndarray:
    """Directed, weighted, with loops; node 3 sends nothing and node 5 gets nothing."""
    rng = np.random.default_rng(4)
    matrix = np.where(rng.random((NODES, NODES)) < 0.12, rng.uniform(0.1, 1, (NODES, NODES)), 0) + np.eye(NODES)
    matrix[:, 3] = matrix[5] = 0
    return matrix.astype(np.float32)


def network(text: str = TEXT) -> onnx.ModelProto:
    rng = np.random.default_rng(5)
    model = parser.parse_model(text)
    matrix = adjacency()
    order = rng.permutation(np.count_nonzero(matrix))  # of edges: exporters sort nothing
    targets, sources = (part[order] for part in np.nonzero(matrix))
    weights = matrix[targets, sources][:, None]
    values = {
        "w1": rng.normal(0, 0.5, (FEATURES, HIDDEN)).astype(np.float32),
        "w2": rng.normal(0, 0.5, (HIDDEN, CLASSES)).astype(np.float32),
        "A": matrix,
        **{"sources": sources, "targets": targets[:, None], "weights": weights},
        **{"sources_1": sources[:30], "targets_1": targets[:30, None], "weights_1": weights[:30]},
        **{"sources_2": sources[30:], "targets_2": targets[30:, None], "weights_2": weights[30:]},
    }
    used = {name for node in model.graph.node for name in node.input}
    for name in sorted(used & set(values)):
        model.graph.initializer.append(numpy_helper.from_array(values[name], name))
    onnx.checker.check_model(model, full_check=True)
    return model


def samples(count: int, seed: int = 6) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 1, (count, NODES, FEATURES)).astype(np.float32)


def logits(model: onnx.ModelProto, x: np.ndarray) -> np.ndarray:
    return np.asarray(create_session(model, device="cpu").run(None, {"x": x})[0])


def cosine(a: np.ndarray, b: np.ndarray) -> float:
    return float((a * b).sum() / np.sqrt((a * a).sum() * (b * b).sum()))


@pytest.fixture(scope="module")
def ann() -> onnx.ModelProto:
    return network()


@pytest.fixture(scope="module")
def phase(ann: onnx.ModelProto) -> onnx.ModelProto:
    return snncc.convert(ann, snncc.Phase(T=16, Q=1.3, input="one"), calibration=samples(32))


def test_four_spiking_layers(phase: onnx.ModelProto) -> None:
    ours = [n for n in phase.graph.node if n.domain == "ai.snncc"]
    assert [n.op_type for n in ours] == [
        *("PhaseNeuron", "PhaseNeuron", "Aggregate", "OneSpikeNeuron", "PhaseNeuron", "Aggregate")
    ]
    for message in (ours[1], ours[4]):
        given = {a.name: onnx.helper.get_attribute_value(a) for a in message.attribute}
        assert (given["max_spikes"], given["signed"]) == (1, 1)
    assert {(n["from"], n["to"]) for n in metadata_of(phase)["snncc.outcome"]["neurons"]} == {
        *(("input", "PhaseNeuron"), ("message", "PhaseNeuron"), ("Relu", "OneSpikeNeuron"))
    }
    assert [ours[2].input[0], ours[5].input[0]] == [ours[1].output[0], ours[4].output[0]]


@pytest.mark.parametrize(("coding", "least"), CODINGS, ids=repr)
@pytest.mark.parametrize("text", [TEXT, DENSE], ids=["edges", "matrix"])
def test_every_coding_follows_the_network(coding: Any, least: float, text: str) -> None:
    model = network(text)
    snn = snncc.convert(model, coding, calibration=samples(32))
    x = samples(8, seed=7)
    expected = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"]).run(None, {"x": x})[
        0
    ]
    assert cosine(logits(snn, x), expected) >= least
    assert [n.op_type for n in snn.graph.node].count("Aggregate") == 2


@pytest.mark.parametrize("coding", [snncc.Phase(T=8, Q=1.5), snncc.FS(K=6), snncc.Rate(T=8)], ids=repr)
def test_plain_onnxruntime_computes_the_same(ann: onnx.ModelProto, coding: Any) -> None:
    snn = snncc.convert(ann, coding, calibration=samples(32))
    plain = ort.InferenceSession(snn.SerializeToString(), providers=["CPUExecutionProvider"])
    np.testing.assert_allclose(plain.run(None, {"x": samples(3)})[0], logits(snn, samples(3)), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("coding", [snncc.Rate(T=8), snncc.MSAT(T=8)], ids=repr)
def test_a_loop_computes_the_same(ann: onnx.ModelProto, coding: Any) -> None:
    folded, loop = (snncc.convert(ann, coding, calibration=samples(32), form=form) for form in ("folded", "loop"))
    np.testing.assert_allclose(logits(loop, samples(3)), logits(folded, samples(3)), rtol=1e-5, atol=1e-5)
    counted = [snncc.evaluate(snn, ann, samples(3)).energy for snn in (folded, loop)]
    assert counted[0].synaptic_operations == counted[1].synaptic_operations


@pytest.mark.parametrize("coding", [snncc.Phase(T=8, Q=1.5), snncc.FS(K=6), snncc.Rate(T=16)], ids=repr)
def test_step_by_step(ann: onnx.ModelProto, coding: Any) -> None:
    folded, step = (snncc.convert(ann, coding, calibration=samples(32), form=form) for form in ("folded", "step"))
    outputs, _ = snncc.Stream(step).run(samples(2))
    np.testing.assert_allclose(outputs["logits"], logits(folded, samples(2)), rtol=1e-4, atol=1e-4)


def test_counts_equal_a_brute_force(ann: onnx.ModelProto, phase: onnx.ModelProto) -> None:
    x = samples(3)
    labels = np.full((3, NODES), -1)
    labels[:, ::2] = 1
    found = snncc.evaluate(phase, ann, {"x": x, "labels": labels})
    neurons = [n.output[0] for n in phase.graph.node if n.op_type in ("PhaseNeuron", "OneSpikeNeuron")]
    probed = onnx.ModelProto()
    probed.CopyFrom(phase)
    probed.graph.output.extend(onnx.ValueInfoProto(name=name) for name in neurons)
    fired = [value != 0 for value in create_session(probed, device="cpu").run(neurons, {"x": x})]
    degree = np.count_nonzero(adjacency(), axis=0)  # edges that start from each node
    fanout = [np.full(NODES, HIDDEN), degree, np.full(NODES, CLASSES), degree]
    operations = sum(float((f.sum(axis=2) * out).sum()) / 3 for f, out in zip(fired, fanout, strict=True))
    edges = int(degree.sum())
    macs = NODES * FEATURES * HIDDEN + edges * HIDDEN + NODES * HIDDEN * CLASSES + edges * CLASSES
    assert found.energy.synaptic_operations == pytest.approx(operations)
    assert found.energy.ann_macs == macs
    assert found.energy.gain() == pytest.approx(4.6 * macs / (0.9 * operations))
    rates = [f.mean() for f in fired]
    layers = [NODES * FEATURES * HIDDEN, edges * HIDDEN, NODES * HIDDEN * CLASSES, edges * CLASSES]
    formula = sum(m * r for m, r in zip(layers, rates, strict=True))
    assert found.energy.formula_gain() == pytest.approx(4.6 * macs / (0.9 * formula))
    assert found.max_spikes == 1


@pytest.mark.parametrize("coding", [snncc.Phase(T=16, Q=1.3), snncc.FS(K=8), snncc.Rate(T=16)], ids=repr)
def test_structure_is_sound(ann: onnx.ModelProto, coding: Any) -> None:
    snn = snncc.convert(ann, coding, calibration=samples(32))
    found = {name: passed or message for name, passed, message in structural(CheckSubject(snn, ann))}
    assert found == dict.fromkeys(STRUCTURE, True)


def test_layers_without_aggregation_get_no_further_neurons() -> None:
    text = """<ir_version: 10, opset_import: ["": 18]>
    low_rank (float[N,24,7] x) => (float[N,24,3] y)
    { p = MatMul (x, w1) q = MatMul (p, v) h = Relu (q) y = MatMul (h, v2) }"""
    model = parser.parse_model(text)
    for name, shape in {"w1": (7, 4), "v": (4, 9), "v2": (9, 3)}.items():
        value = np.random.default_rng(1).normal(0, 1, shape).astype(np.float32)
        model.graph.initializer.append(numpy_helper.from_array(value, name))
    snn = snncc.convert(model, snncc.Phase(T=16, Q=1.3), calibration=samples(8))
    assert [n.op_type for n in snn.graph.node if n.domain == "ai.snncc"] == ["PhaseNeuron", "OneSpikeNeuron"]
