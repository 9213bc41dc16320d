# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import onnx
import onnxruntime as ort
import pytest

import snncc
from snncc.errors import DataError, ModelError, OptionError
from snncc.evaluation.evaluate import evaluate
from snncc.models import digits_network
from snncc.models.digits import load_digits


@pytest.fixture(scope="module")
def labels(ann, images):
    session = ort.InferenceSession(ann.SerializeToString())
    return session.run(None, {"x": images})[0].argmax(axis=1)


def test_evaluation_of_a_small_network(ann, snn, images, labels):
    found = evaluate(snn, ann, images, labels=labels, batch_size=5)
    scores = ort.InferenceSession(snn.SerializeToString()).run(None, {"x": images})[0]
    same = (scores.argmax(axis=1) == labels).mean()
    assert found.samples == 12
    assert found.top1 == pytest.approx((100, 100 * same), abs=10)  # the optimiser may move a spike
    assert found.agreement == pytest.approx(found.top1[1] / 100)
    assert found.top5 is not None
    assert found.drop == pytest.approx(100 - found.top1[1])
    assert found.neurons == 4 * 6 * 7 + 2 * 4 * 3 * 3
    assert 0 < found.spikes_per_neuron <= 1 == found.max_spikes
    assert found.input_spikes_per_value == pytest.approx(found.input_spikes / 126)
    assert found.latency_steps == 3 * 16 + 16
    assert min(found.milliseconds) > 0
    assert found.timed_batch == 5


def test_batch_size_does_not_change_what_is_counted(ann, snn, images):
    whole, parts = (evaluate(snn, ann, images, batch_size=b).to_json() for b in (12, 5))
    whole.pop("latency"), parts.pop("latency")
    assert json.dumps(whole)[:200] == json.dumps(parts)[:200]
    assert whole["spikes"] == parts["spikes"]
    assert whole["energy"] == parts["energy"]


def test_time_is_taken_only_if_wanted(ann, snn, images):
    timed, plain = (evaluate(snn, ann, images, timed=wanted) for wanted in (True, False))
    assert timed.milliseconds is not None
    assert plain.milliseconds is None
    assert replace(timed, milliseconds=None).to_json() == plain.to_json()


def test_json_holds_everything(ann, snn, images):
    found = evaluate(snn, ann, images).to_json()
    text = json.dumps(found, allow_nan=False)
    assert json.loads(text) == found
    assert found["accuracy_percent"] == {"top1": None, "top5": None, "drop_points": None}
    assert set(found["energy"]["int8"]) == set(found["energy"]["float32"])
    assert len(found["neuron_layers"]) == 4
    assert len(found["synaptic_layers"]) == 4


def test_rows_fit_80_columns(ann, snn, images, labels):
    found = evaluate(snn, ann, images, labels=labels)
    for rows in (found.rows(), found.layer_rows(), found.synapse_rows()):
        widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
        assert sum(widths) + 2 * len(widths) <= 80


def test_the_layers_add_up(ann, snn, images):
    found = evaluate(snn, ann, images)
    energy = found.energy
    *layers, total = found.synapse_rows()
    assert [row[0] for row in layers] == [x.name for x in (*energy.layers, *energy.identities)]
    assert total[1:3] == (f"{energy.ann_macs:,}", "0")
    assert sum(x.snn() for x in (*energy.layers, *energy.identities)) == pytest.approx(energy.snn(), rel=1e-12)
    assert sum(x.ann() for x in energy.layers) == pytest.approx(energy.ann(), rel=1e-12)
    assert [row[0] for row in found.layer_rows()] == [x.name for x in found.layers]


def test_sources(tmp_path, ann, snn, images, labels):
    onnx.save(ann, tmp_path / "ann.onnx")
    onnx.save(snn, tmp_path / "snn.onnx")
    np.savez(tmp_path / "data.npz", x=images, labels=labels)
    expected = evaluate(snn, ann, {"x": images, "labels": labels})
    for data in (tmp_path / "data.npz", str(tmp_path / "data.npz")):
        found = evaluate(tmp_path / "snn.onnx", tmp_path / "ann.onnx", data)
        assert found.top1 == expected.top1
        assert found.energy == expected.energy
    stream = (images[i : i + 1] for i in range(12))
    assert evaluate(snn, ann, stream, labels=labels).top1 == expected.top1


@pytest.mark.parametrize("limit", [1, 7, 12, 100])
def test_limit(ann, snn, images, labels, limit):
    found = evaluate(snn, ann, images, labels=labels, batch_size=5, limit=limit)
    assert found.samples == min(limit, 12)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"limit": 0}, OptionError, "limit is 0"),
        ({"batch_size": 0}, OptionError, "batch_size is 0"),
        ({"labels": [0, 1]}, DataError, "there are 2 labels"),
        ({"labels": [0] * 13}, DataError, "13 labels for 12 samples"),
        ({"labels": [0.5] * 12}, DataError, "one class number"),
        ({"labels": [9] * 12}, DataError, "label 9 is no class"),
    ],
)
def test_bad_options(ann, snn, images, options, error, message):
    with pytest.raises(error, match=message):
        evaluate(snn, ann, images, **options)


def test_data_that_does_not_fit(ann, snn, images):
    with pytest.raises(DataError, match="does not fit the model's input 'x'"):
        evaluate(snn, ann, images[:, :2])


def test_an_ann_with_other_inputs(snn, images):
    text = '<ir_version: 10, opset_import: ["": 21]> g (float[N,4] z) => (float[N,4] y) {y = Relu(z)}'
    with pytest.raises(ModelError, match=r"takes 'x' .*, the model takes 'z' .*: not converted from it"):
        evaluate(snn, onnx.parser.parse_model(text), images)


def test_a_source_with_a_fixed_batch(ann, images):
    fixed = onnx.ModelProto()
    fixed.CopyFrom(ann)
    for value in (*fixed.graph.input, *fixed.graph.output):
        value.type.tensor_type.shape.dim[0].dim_value = 1
    snn = snncc.convert(fixed, snncc.Phase(T=16, Q=1.3), calibration=images)
    assert evaluate(snn, fixed, images, batch_size=5, limit=7).samples == 7


@pytest.mark.slow
def test_a_real_network(shared):
    ann = shared / "models" / "resnet8_mlperftiny_cifar10.onnx"
    with np.load(shared / "data" / "cifar10_calib.npz") as file:
        calibration = file["images"][:200]
    snn = snncc.convert(ann, snncc.Phase(T=24, Q=1.2), calibration=calibration)
    found = evaluate(snn, ann, shared / "data" / "cifar10_test.npz", limit=500)
    assert found.max_spikes == 1
    assert found.drop < 5
    assert found.energy.gain() > 5
    assert found.energy.formula_gain() == pytest.approx(found.energy.gain(), rel=0.1)


def test_a_network_without_neurons_is_no_spiking_network():
    images = load_digits().test_images[:8]
    with pytest.raises(snncc.SnnccError, match="no converted model: it has no spiking neurons"):
        snncc.evaluate(digits_network(), digits_network(), images)
