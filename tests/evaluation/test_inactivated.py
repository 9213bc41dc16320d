# SPDX-License-Identifier: Apache-2.0
"""Spikes of inactivated neurons, against the ANN's pre-activations and a step-by-step simulation."""

from __future__ import annotations

import json

import onnx
import pytest
from onnx import numpy_helper

import snncc
from snncc.analysis.cpu_session import cpu_session

STEPS = 6
POTENTIALS = ["c1", "c2", "s"]  # the first ReLU is moved before its pool


def silent(ann, images):
    return [x < 0 for x in cpu_session(ann, POTENTIALS).run(None, {"x": images})]


@pytest.mark.parametrize(
    "coding", [snncc.Rate(T=STEPS, signed=False), snncc.Rate(T=STEPS), snncc.MSAT(T=STEPS)], ids=str
)
def test_every_spike_of_a_silent_relu_is_counted(pooled_ann, pooled_images, stepwise, coding):
    model = snncc.convert(pooled_ann, coding, calibration=pooled_images)
    counts = [c for t, c in stepwise(model, pooled_images).counts.items() if "increase" not in t]
    wrong = [c * mask for c, mask in zip(counts, silent(pooled_ann, pooled_images), strict=True)]
    found = snncc.evaluate(model, pooled_ann, pooled_images)
    assert found.sin is not None
    assert sum(w.sum() for w in wrong) > 0
    for layer, sent in zip(found.sin.layers, wrong, strict=True):
        size = sent[0, 0].size
        as_json = layer.to_json()
        assert layer.neurons == size
        assert as_json["ans"] == pytest.approx(sent.sum() / 5 / size, rel=1e-12)
        assert as_json["ratio"] == pytest.approx((sent.sum(axis=0) > 0).sum() / 5 / size, rel=1e-12)
        per_step = sent.reshape(STEPS, -1).sum(axis=1) / 5 / size
        assert as_json["ratio_per_step"] == pytest.approx(per_step.tolist(), rel=1e-12)
    neurons = sum(w[0, 0].size for w in wrong)
    assert found.sin.ans == pytest.approx(sum(w.sum() for w in wrong) / 5 / neurons, rel=1e-12)
    assert found.sin.ratio == pytest.approx(sum((w.sum(axis=0) > 0).sum() for w in wrong) / 5 / neurons, rel=1e-12)


def test_it_is_in_the_report(pooled_ann, pooled_images):
    found = snncc.evaluate(
        snncc.convert(pooled_ann, snncc.Rate(T=STEPS), calibration=pooled_images), pooled_ann, pooled_images
    )
    as_json = json.loads(json.dumps(found.to_json()))["sin"]
    assert set(as_json) == {"ratio", "ans", "layers"}
    assert [len(x["ratio_per_step"]) for x in as_json["layers"]] == [STEPS] * 3
    assert ("SIN per neuron (ANS)", "", f"{as_json['ans']:.4f}") in found.rows()


def test_layers_that_send_values_have_no_steps(pooled_ann, pooled_images):
    model = snncc.convert(pooled_ann, snncc.Rate(T=STEPS, wait=STEPS), calibration=pooled_images)
    found = snncc.evaluate(model, pooled_ann, pooled_images).to_json()["sin"]
    assert [set(x) for x in found["layers"]] == [{"name", "ratio", "ans"}] * 3


@pytest.mark.parametrize("coding", [snncc.Phase(T=8, Q=1.5), snncc.FS(K=5)], ids=str)
def test_other_codings_have_none(pooled_ann, pooled_images, coding):
    found = snncc.evaluate(snncc.convert(pooled_ann, coding, calibration=pooled_images), pooled_ann, pooled_images)
    assert found.sin is None
    assert not any("SIN" in row[0] for row in found.rows())


def test_confidence_lets_fewer_of_them_pass(pooled_ann, pooled_images):
    sure, doubtful = (
        snncc.convert(pooled_ann, snncc.MSAT(T=STEPS, confidence=p, confidence_layers="all"), calibration=pooled_images)
        for p in (None, 0.2)
    )
    sin = [snncc.evaluate(m, pooled_ann, pooled_images).sin for m in (sure, doubtful)]
    assert sin[0] is not None
    assert sin[1] is not None
    assert sin[1].ans < sin[0].ans


def test_another_ann_is_compared_without_it(pooled_ann, pooled_images):
    model = snncc.convert(pooled_ann, snncc.Rate(T=STEPS), calibration=pooled_images)
    other = onnx.ModelProto()
    other.CopyFrom(pooled_ann)
    for node in other.graph.node:
        node.name = f"other_{node.name}"
    assert snncc.evaluate(model, other, pooled_images).sin is None
    bias = next(t for t in other.graph.initializer if t.name == "b1")
    bias.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(bias) + 1, "b1"))
    assert snncc.evaluate(model, other, pooled_images).samples == 5
