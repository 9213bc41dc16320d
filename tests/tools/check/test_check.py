# SPDX-License-Identifier: Apache-2.0
"""Every check passes on a valid model, and fails on a model that violates it alone."""

from __future__ import annotations

import json
import re
from xml.etree import ElementTree

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from onnx import helper, numpy_helper

import snncc
from snncc.errors import DataError, ModelError
from snncc.tools.check.junit import junit_xml
from snncc.tools.check.run import Budgets, CheckResult, _kernel, run_checks
from snncc.tools.check.structure import STRUCTURE


def failed(results):
    return {r.name: r.message for r in results if not r.passed}


def copy_of(model):
    twin = onnx.ModelProto()
    twin.CopyFrom(model)
    return twin


def metadata(model, key):
    return next(p for p in model.metadata_props if p.key == key)


def test_a_sound_model_passes(ann, snn, images):
    budgets = Budgets(max_spikes=1, min_energy_gain=0.5, agree=0.1)
    results = run_checks(snn, ann, images, budgets)
    assert failed(results) == {}
    names = [r.name for r in results]
    assert names == [*STRUCTURE, "kernel", "spike-limit", "max-spikes", "min-energy-gain", "agree"]
    assert all(r.message and "\n" not in r.message for r in results)


@pytest.mark.parametrize(
    "coding",
    [
        snncc.Phase(T=1, Q=1.5),
        snncc.Phase(T=8, Q=2.0, shift=False),
        snncc.Phase(T=16, Q=1.3, spikes=3),
        snncc.Phase(T=16, Q=1.3, input="one"),
        snncc.Phase(T=16, Q=1.3, input="analog"),
        snncc.Phase(T=4, Q=1.7, spikes=4),
    ],
    ids=str,
)
def test_every_kind_of_phase_coding_passes(ann, images, coding):
    model = snncc.convert(ann, coding, calibration=images)
    assert failed(run_checks(model, ann, images)) == {}


@pytest.mark.parametrize(
    "coding",
    [
        snncc.Phase(T=9, Q=1.4, wait=6),
        snncc.Phase(T=9, Q=1.4, wait=9, input="analog"),
        snncc.FS(K=6),
        snncc.FS(K=4, alpha=3.0, shift=False, input="binary"),
        snncc.Rate(T=6, signed=False),
        snncc.Rate(T=6, shift="bias", signed=True),
        snncc.Rate(T=6, shift="none", wait=6),
        snncc.MSAT(T=6, preset="vgg16"),
        snncc.MSAT(T=6, confidence=0.7, early=3, confidence_layers="all"),
        snncc.MSAT(T=6, confidence="auto", early="auto"),
    ],
    ids=str,
)
def test_every_coding_passes(pooled_ann, pooled_images, coding):
    model = snncc.convert(pooled_ann, coding, calibration=pooled_images)
    results = run_checks(model, pooled_ann, pooled_images, Budgets(max_spikes=10, min_energy_gain=0.01, agree=0))
    assert failed(results) == {}
    limit = next(r.message for r in results if r.name == "spike-limit")
    allowed = {"phase": 1, "fs": getattr(coding, "K", 0)}.get(coding.name, 6)
    assert limit.endswith(f"the coding allows {allowed}")


@pytest.mark.parametrize("coding", [snncc.Rate(T=6), snncc.MSAT(T=6, confidence=0.7)], ids=str)
def test_loops_pass(pooled_ann, pooled_images, coding):
    model = snncc.convert(pooled_ann, coding, calibration=pooled_images, form="loop")
    results = run_checks(model, pooled_ann, pooled_images, Budgets(max_spikes=10))
    assert failed(results) == {}
    assert "a neuron sent 0 spike" not in next(r.message for r in results if r.name == "spike-limit")


def test_what_cannot_be_counted_fails(pooled_ann, pooled_images):
    model = snncc.convert(pooled_ann, snncc.Phase(T=6, wait=4), calibration=pooled_images, form="loop")
    results = failed(run_checks(model, pooled_ann, pooled_images, Budgets(agree=0)))
    assert set(results) == {"kernel", "spike-limit", "agree"}
    assert "--form folded" in results["agree"]


@pytest.mark.parametrize("form", ["loop", "step"])
@pytest.mark.parametrize("coding", [snncc.Phase(T=6, Q=1.5), snncc.FS(K=4), snncc.Rate(T=6), snncc.MSAT(T=6)], ids=str)
def test_every_form_passes(pooled_ann, pooled_images, coding, form):
    model = snncc.convert(pooled_ann, coding, calibration=pooled_images, form=form)
    results = run_checks(model, pooled_ann, pooled_images, Budgets(agree=0))
    assert failed(results) == {}
    assert {"kernel", "spike-limit", "agree"} <= {r.name for r in results}


@pytest.mark.parametrize(
    ("coding", "op", "attribute", "value", "message"),
    [
        (snncc.Phase(T=9, Q=1.4, wait=6), "WaitOneSpikeNeuron", "wait", 5, "wait is 5, not 6"),
        (snncc.FS(K=6), "FSNeuron", "initial", 0.1, "initial is 0.1, not 0.0078125"),
        (snncc.FS(K=6), "FSNeuron", "resets", [0.5] * 6, "resets is not what K and shift give"),
        (snncc.FS(K=6), "FSNeuron", "values", [0.5] * 5, "values has 5 entries, K is 6"),
        (snncc.Rate(T=6, signed=False), "IFNeuron", "bias", 0.25, "bias is 0.25, not 0"),
        (snncc.Rate(T=6, wait=6), "FSNeuron", "initial", 0.0, "initial is 0, not 0.0833333"),
        (snncc.MSAT(T=6), "MSATNeuron", "tau_mp", 2.0, "tau_mp is 2, not 0.5"),
        (snncc.MSAT(T=6, confidence=0.5), "ConfidentMSATNeuron", "survival", 7, "survival is 7, not 2.14748e"),
    ],
    ids=str,
)
def test_parameters_that_the_coding_does_not_give(pooled_ann, pooled_images, coding, op, attribute, value, message):
    model = snncc.convert(pooled_ann, coding, calibration=pooled_images)
    node = next(n for n in model.graph.node if n.op_type == op)
    changed = next(a for a in node.attribute if a.name == attribute)
    changed.CopyFrom(helper.make_attribute(attribute, value))
    assert message in failed(run_checks(model, pooled_ann, pooled_images))["metadata-tables"]


def test_neurons_of_another_kind(pooled_ann, pooled_images):
    model = snncc.convert(pooled_ann, snncc.Rate(T=6, signed=False), calibration=pooled_images)
    coding = metadata(model, "snncc.coding")
    coding.value = json.dumps({**json.loads(coding.value), "signed": True})
    results = failed(run_checks(model, pooled_ann, pooled_images))
    assert "it is a IFNeuron, not a RoundingIFNeuron" in results["metadata-tables"]
    coding.value = json.dumps({"name": "morse"})
    assert "'morse' is not known" in failed(run_checks(model, pooled_ann, pooled_images))["metadata-tables"]


CURVED = """<ir_version: 10, opset_import: ["": 21]> g (float[N,3,6,7] x) => (float[N,5] y)
{ a = Conv (x, w1) b = Sigmoid (a) c = Conv (b, w2) d = Relu (c) e = Sin (d) f = Flatten (e) y = MatMul (f, w3) }"""


@pytest.mark.parametrize("coding", [snncc.FS(K=6), snncc.Phase(T=8, Q=1.5), snncc.Rate(T=6)], ids=str)
def test_other_activations_and_islands_pass(images, coding):
    rng = np.random.default_rng(2)
    model = onnx.parser.parse_model(CURVED)
    for name, shape in {"w1": (4, 3, 3, 3), "w2": (4, 4, 1, 1), "w3": (80, 5)}.items():
        value = rng.normal(0, 0.3, shape).astype(np.float32)
        model.graph.initializer.append(numpy_helper.from_array(value, name))
    snn = snncc.convert(model, coding, calibration=images)
    assert failed(run_checks(snn, model, images, Budgets(agree=0))) == {}


def test_budgets_that_are_not_kept(ann, snn, images):
    budgets = Budgets(max_drop=-200, max_spikes=0.01, min_energy_gain=1e6, agree=1.1)
    results = failed(run_checks(snn, ann, images, budgets, labels=np.zeros(12, int)))
    assert set(results) == {"max-drop", "max-spikes", "min-energy-gain", "agree"}
    assert "-200 are allowed" in results["max-drop"]
    assert "0.01 are allowed" in results["max-spikes"]


def test_a_drop_needs_labels(ann, snn, images):
    assert "no labels" in failed(run_checks(snn, ann, images, Budgets(max_drop=1)))["max-drop"]


def test_another_source_is_noticed(ann, snn, images):
    other = copy_of(ann)
    weight = next(t for t in other.graph.initializer if t.name == "w1")
    weight.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(weight) * 1.001, "w1"))
    results = failed(run_checks(snn, other, images))
    assert set(results) == {"metadata-source"}
    assert "but the ANN given has" in results["metadata-source"]


def test_calibration_data_are_recognised(ann, snn, images):
    (found,) = [r for r in run_checks(snn, ann, images, calibration=images) if r.name == "calibration-data"]
    assert found == CheckResult("calibration-data", True, "the scales come from the data that was given")
    assert failed(run_checks(snn, ann, images, calibration=[images[:5], images[5:]])) == {}
    message = failed(run_checks(snn, ann, images, calibration=images[:11]))["calibration-data"]
    assert re.match("scales come from 12 samples with sha256 [0-9a-f]{12}, given are 11 with [0-9a-f]{12}$", message)


def test_scales_from_noise_have_no_data(ann, images):
    model = snncc.convert(ann, snncc.Phase(T=16, Q=1.3), input_range=(-2, 2))
    results = failed(run_checks(model, ann, images, calibration=images))
    assert results == {"calibration-data": "the scales come from noise, not from data"}


def test_a_body_that_computes_something_else(monkeypatch, ann, snn, images):
    """The kernel is played by the sound model, so that the test needs no library."""
    wrong = copy_of(snn)
    body = next(f for f in wrong.functions if f.name == "OneSpikeNeuron")
    next(n for n in body.node if "Y" in n.output).CopyFrom(helper.make_node("Identity", ["X"], ["Y"]))

    def sound(model, *, device, options=None):
        return ort.InferenceSession(snn.SerializeToString(), options, providers=["CPUExecutionProvider"])

    monkeypatch.setattr("snncc.runtime.create_session", sound)
    assert _kernel(snn, {"x": images}).passed
    assert re.match("[1-9][0-9]* of 84 outputs differ", _kernel(wrong, {"x": images}).message)


def test_a_relu6_passes(images):
    text = """<ir_version: 10, opset_import: ["": 21]> g (float[N,3,6,7] x) => (float[N,1] y)
    <float zero = {0.0}, float six = {6.0}> {
        r = Clip (x, zero, six)
        q = Relu (r)
        f = Flatten (q)
        y = MatMul (f, w)
    }"""
    model = onnx.parser.parse_model(text)
    model.graph.initializer.append(numpy_helper.from_array(np.ones((126, 1), np.float32), "w"))
    snn = snncc.convert(model, snncc.Phase(T=16, Q=1.3), calibration=images)
    assert failed(run_checks(snn, model, images)) == {}


def test_a_model_that_does_not_run_fails(monkeypatch, ann, snn, images):
    def refuse(model, sample):
        raise ModelError("onnxruntime cannot run the model (reason).")

    monkeypatch.setattr("snncc.tools.check.run.differing_outputs", refuse)
    results = failed(run_checks(snn, ann, images, Budgets(agree=0.5)))
    assert "reason" in results["kernel"]
    assert results["agree"] == "not measured, because the model does not run"


def test_generators_are_refused(ann, snn, images):
    with pytest.raises(DataError, match="reads the data twice"):
        run_checks(snn, ann, iter([images]))


def test_bad_files(tmp_path, ann, snn, images):
    with pytest.raises(ModelError, match="cannot be read"):
        run_checks(tmp_path / "none.onnx", ann, images)
    with pytest.raises(DataError, match="is not there"):
        run_checks(snn, ann, tmp_path / "none")


def test_junit():
    results = [CheckResult("valid", True, "fine"), CheckResult("agree", False, "0.5 < 1 & \x00")]
    root = ElementTree.fromstring(junit_xml(results, "a & b.onnx"))
    assert root.attrib == {"tests": "2", "failures": "1", "errors": "0", "skipped": "0"}
    (suite,) = root
    assert suite.get("name") == "snncc check a & b.onnx"
    passed, failure = suite
    assert passed.get("name") == "valid"
    assert passed.find("failure") is None
    assert failure.find("failure").get("message") == "0.5 < 1 & �"


def test_results_as_text_and_json():
    result = CheckResult("agree", False, "0.5 of the answers agree")
    assert str(result) == "FAILED  agree: 0.5 of the answers agree"
    assert json.loads(json.dumps(result.to_json())) == {"name": "agree", "passed": False, "message": result.message}
