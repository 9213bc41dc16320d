# SPDX-License-Identifier: Apache-2.0
"""Weights as int8: what is stored, that it runs everywhere, what it costs."""

from __future__ import annotations

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from onnx import TensorProto

import snncc
from snncc.errors import OptionError
from snncc.ir.metadata import metadata_of
from snncc.models import digits_network
from snncc.models.digits import load_digits
from snncc.runtime import create_session
from tests.effort import IMAGES

CODINGS = {"phase": snncc.Phase(T=16, Q=1.3), "fs": snncc.FS(K=8), "rate": snncc.Rate(T=16), "msat": snncc.MSAT(T=16)}


@pytest.fixture(scope="module", params=CODINGS)
def snn(request: pytest.FixtureRequest) -> onnx.ModelProto:
    samples = load_digits().train_images[:64]
    return snncc.convert(digits_network(), CODINGS[request.param], calibration=samples, weights="int8")


def test_every_weight_is_stored_as_int8(snn) -> None:
    stored = {t.name: t for t in snn.graph.initializer}
    made = {n.output[0]: n.input[0] for n in snn.graph.node if n.op_type == "DequantizeLinear"}
    weights = [n.input[1] for n in snn.graph.node if n.op_type in ("Conv", "Gemm", "MatMul")]
    assert weights
    assert all(stored[made[name]].data_type == TensorProto.INT8 for name in weights)
    assert metadata_of(snn)["snncc.weights"] == {"stored": "int8", "fold_bn": "weights"}


def test_plain_onnxruntime_gives_the_same(snn) -> None:
    images = load_digits().test_images[:16]
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
    plain = ort.InferenceSession(snn.SerializeToString(), options, ["CPUExecutionProvider"])
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
    ours = create_session(snn, device="cpu", options=options)
    name = plain.get_inputs()[0].name
    np.testing.assert_array_equal(plain.run(None, {name: images})[0], ours.run(None, {name: images})[0])


def test_evaluation_counts_8_bit_energies(snn) -> None:
    digits = load_digits()
    found = snncc.evaluate(snn, digits_network(), digits.test_images[:64], labels=digits.test_labels[:64])
    energy = found.energy
    assert energy.quantised
    assert found.to_json()["weights"] == "int8"
    rows = {row[0]: row[1:] for row in found.rows()}
    assert rows["energy, 8 bit (µJ)"][0] == f"{energy.ann_macs * 0.23e-6:.4g}"
    additions = energy.synaptic_operations + energy.current_additions
    assert rows["energy, 8 bit (µJ)"][1] == f"{(energy.analog_macs * 0.23 + additions * 0.03) / 1e6:.4g}"
    assert found.drop is not None
    assert found.drop < 5


def test_spike_trains_replay(snn) -> None:
    images = load_digits().test_images[:4]
    trains, outputs = snncc.spike_trains(snn, images)
    for name, replayed in snncc.replay(snn, trains).items():
        np.testing.assert_array_equal(replayed, outputs[name])


def test_float_weights_have_no_8_bit_rows() -> None:
    digits = load_digits()
    plain = snncc.convert(digits_network(), CODINGS["phase"], calibration=digits.train_images[:32])
    found = snncc.evaluate(plain, digits_network(), digits.test_images[:32], labels=digits.test_labels[:32])
    assert not any("8 bit" in row[0] for row in found.rows())
    assert found.to_json()["weights"] == "float"


def test_other_names_are_refused() -> None:
    with pytest.raises(OptionError, match="weights are 'int4', but they must be one of float, int8, int8-tensor"):
        snncc.convert(digits_network(), CODINGS["phase"], weights="int4")


@pytest.mark.slow
@pytest.mark.parametrize("T", [16, 24])
def test_resnet20_keeps_its_accuracy_in_a_quarter_of_the_bytes(shared, T) -> None:
    """one_spike.txt, Table VI: 0.06 to 0.4 points; here at most 0.3."""
    source, data = shared / "models" / "resnet20_cifar10.onnx", shared / "data"
    preprocess = "scale=1/255,mean=.485 .456 .406,std=.229 .224 .225"
    options = {"calibration": data / "cifar10_calib.npz", "preprocess": preprocess}
    found = {}
    for weights in ("float", "int8"):
        model = snncc.convert(source, snncc.Phase(T=T), weights=weights, **options)
        evaluation = snncc.evaluate(
            model, source, data / "cifar10_test.npz", preprocess=preprocess, limit=IMAGES, timed=False
        )
        assert evaluation.top1 is not None
        found[weights] = (evaluation.top1[1], model.ByteSize())
    assert found["int8"][0] >= found["float"][0] - 0.3
    assert found["int8"][1] < found["float"][1] / 3.2
