# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper, parser

import snncc
import snncc.runtime
from snncc.calibration.observers import places
from snncc.compiler.tuning.layer_error import each_layer, relative_error
from snncc.frontend.import_model import import_model
from snncc.models import digits_network
from snncc.models.digits import load_digits
from snncc.tools.check.structure import CheckSubject, structural
from tests.effort import IMAGES, THOROUGH

BAD_START = snncc.Phase(T=6, Q=1.1)  # far too small a base for 6 steps
CODINGS = [BAD_START, snncc.FS(K=3), snncc.Rate(T=8), snncc.Rate(T=8, wait=8), snncc.MSAT(T=16)]


def report(model: onnx.ModelProto) -> dict:
    return json.loads({p.key: p.value for p in model.metadata_props}["snncc.tuning"])


def outputs(model: onnx.ModelProto | bytes, x: np.ndarray) -> np.ndarray:
    session = snncc.runtime.create_session(model, device="cpu")
    return session.run(None, {session.get_inputs()[0].name: x})[0].astype(np.float64)


@pytest.fixture(scope="module")
def images() -> np.ndarray:
    return load_digits().train_images[:128]


@pytest.fixture(scope="module")
def tuned(images: np.ndarray) -> onnx.ModelProto:
    return snncc.tune(digits_network(), BAD_START, calibration=images)


def test_error_of_one_layer_alone():
    rng = np.random.default_rng(3)
    weights = {name: rng.normal(0, 0.6, shape).astype(np.float32) for name, shape in (("W", (6, 8)), ("U", (8, 7)))}
    weights["V"] = rng.normal(0, 0.6, (7, 3)).astype(np.float32)
    model = parser.parse_model("""<ir_version: 10, opset_import: ["": 21]> g (float[N, 6] x) => (float[N, 3] y) {
        a = MatMul(x, W) r = Relu(a) b = MatMul(r, U) s = Relu(b) y = MatMul(s, V) }""")
    model.graph.initializer.extend(numpy_helper.from_array(value, name) for name, value in weights.items())
    graph = import_model(model)
    x = rng.normal(0, 1, (50, 6)).astype(np.float32)
    r = np.maximum(x @ weights["W"], 0)
    s = np.maximum(r @ weights["U"], 0)
    y = s @ weights["V"]
    coding, scale = snncc.Phase(T=5, Q=1.5), np.linspace(0.5, 1.5, 8).astype(np.float32)
    sent = scale * coding.code(r / scale)
    spoiled = np.maximum(sent @ weights["U"], 0) @ weights["V"]
    expected = np.mean((spoiled - y) ** 2) / y.var()
    found = {}
    for place, layer in each_layer(graph, places(graph), {"x": x}):
        found[place.tensor] = layer.error(coding, scale if place.tensor == "r" else np.full(7, 1e3, np.float32))
    assert list(found) == ["r", "s"]
    assert found["r"] == pytest.approx(expected, rel=1e-3)
    assert found["s"] == pytest.approx(np.mean(y**2) / y.var(), rel=1e-3)  # nothing reaches a threshold


def test_relative_error():
    a, b = np.array([[1.0, 3.0]]), np.array([[2.0, 3.0]])
    assert relative_error([a], [b]) == pytest.approx(0.5)
    classes = np.array([1, 2, 3, 4])
    assert relative_error([a, classes], [a, np.array([1, 2, 0, 0])]) == pytest.approx(0.25)


@pytest.mark.parametrize("coding", CODINGS, ids=repr)
def test_never_worse_than_untuned_on_what_it_judges_by(coding, images, request):
    made = request.getfixturevalue("tuned") if coding is BAD_START else None
    found = report(made or snncc.tune(digits_network(), coding, calibration=images))
    assert found["error"]["tuned"] <= found["error"]["untuned"]
    assert found["error"]["tuned"] == min(found["tried"].values())
    assert len(found["layers"]) == 4
    for layer in found["layers"].values():
        assert layer["error"][1] <= layer["error"][0]
        assert (layer["base"] is None) or isinstance(coding, snncc.Phase)


def test_a_fixed_batch_is_judged_in_whole_batches():
    model = parser.parse_model("""<ir_version: 10, opset_import: ["": 21]> g (float[4, 6] x) => (float[4, 6] y)
        { r = Relu(x) y = Add(r, x) }""")
    x = np.random.default_rng(3).normal(0, 1, (16, 6)).astype(np.float32)
    found = report(snncc.tune(model, snncc.Rate(T=4), calibration=x))
    assert found["error"]["tuned"] <= found["error"]["untuned"]


def test_finds_the_bases_that_a_bad_start_lacks(images, tuned):
    """Images that the search has not seen tell."""
    ann, x = digits_network(), load_digits().test_images[:200]
    exact = outputs(ann, x)
    plain = snncc.convert(ann, BAD_START, calibration=images)
    before, after = (np.mean((outputs(model, x) - exact) ** 2) for model in (plain, tuned))
    assert after < 0.5 * before
    assert all(layer["levels"] is not None for layer in report(tuned)["layers"].values())


def test_powers_of_a_base_where_these_are_asked_for(images):
    ann, x = digits_network(), load_digits().test_images[:200]
    exact = outputs(ann, x)
    plain = snncc.convert(ann, BAD_START, calibration=images)
    powers = snncc.tune(ann, BAD_START, calibration=images, levels="powers")
    before, after = (np.mean((outputs(model, x) - exact) ** 2) for model in (plain, powers))
    assert after < 0.5 * before
    layers = report(powers)["layers"].values()
    assert all(layer["base"] > 1.2 and layer["levels"] is None for layer in layers)
    assert report(powers)["taken"] in ("bases", "bases and scales")


def test_same_inputs_same_bytes(images, tuned):
    again = snncc.tune(digits_network(), BAD_START, calibration=images)
    assert again.SerializeToString(deterministic=True) == tuned.SerializeToString(deterministic=True)


@pytest.mark.parametrize(("levels", "key"), [("powers", "Q"), ("fitted", "levels")])
def test_neurons_are_what_the_metadata_say(images, levels, key):
    """Also where layers have bases or levels of their own; and one that is not theirs is noticed."""
    ann = onnx.load_from_string(digits_network())
    coding = BAD_START if levels == "powers" else snncc.Phase(T=6)
    tuned = snncc.tune(ann, coding, calibration=images, levels=levels)
    assert [message for _, passed, message in structural(CheckSubject(tuned, ann)) if not passed] == []
    entry = next(p for p in tuned.metadata_props if p.key == "snncc.neurons")
    neurons = json.loads(entry.value)
    spoiled = next(n for n in neurons.values() if key in n)
    spoiled[key] = 1.9 if key == "Q" else [1.01 * level for level in spoiled[key]]
    entry.value = json.dumps(neurons)
    said = {name: message for name, _, message in structural(CheckSubject(tuned, ann))}
    assert "levels is not what" in said["metadata-tables"]


def test_refuses_what_leaves_nothing_to_tune(images):
    ann = digits_network()
    with pytest.raises(snncc.SnnccError, match="calibration data"):
        snncc.convert(ann, snncc.Phase(), tune=True)
    with pytest.raises(snncc.SnnccError, match="alpha"):
        snncc.tune(ann, snncc.FS(K=4, alpha=25.0), calibration=images)
    with pytest.raises(snncc.SnnccError, match="either the one or the other"):
        snncc.tune(ann, snncc.Phase(), calibration=images, levels="batchnorm")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("network", "steps", "most"),
    [("resnet20", 16, 0.4), ("resnet20", 24, 0.15), *([("resnet32", 24, 0.3)] if THOROUGH else [])],
)
def test_loss_on_test_images(shared: Path, network: str, steps: int, most: float):
    """Points of top-1, scales and levels from images of the training set."""
    ann, images = str(shared / "models" / f"{network}_cifar10.onnx"), shared / "data"
    given = {"calibration": images / "cifar10_calib.npz", "preprocess": "imagenet"}
    snn = snncc.tune(ann, snncc.Phase(T=steps, Q="auto"), **given)
    test = images / "cifar10_test.npz"
    found = snncc.evaluate(snn, ann, test, preprocess="imagenet", device="cpu", limit=IMAGES, timed=False)
    assert found.samples == IMAGES
    assert max(layer.peak for layer in found.layers if not layer.encoder) <= 2
    assert found.drop <= most


@pytest.mark.parametrize(
    "ending",
    [
        "float[N, 8, 6, 6] y) => y = Relu (b)",
        "float[N, 8, 1, 1] y) => p = Relu (b) y = GlobalAveragePool (p)",
        "float[N, 8, 1, 1] y) => p = Relu (b) y = GlobalMaxPool (p)",
        "float[N, 8] y) => p = Relu (b) q = GlobalAveragePool (p) r = Flatten (q) y = Softmax <axis = 1> (r)",
        "float[N, 8, 1, 1] y) => p = Relu (b) q = GlobalAveragePool (p) y = Sigmoid (q)",
        "int64[N, 1, 1, 1] y) => p = Relu (b) q = GlobalAveragePool (p) y = ArgMax <axis = 1> (q)",
        "float[N, 8, 1, 1] y, float[N, 8, 6, 6] z) => p = Relu (b) y = GlobalAveragePool (p) z = Identity (b)",
        "float[N, 8, 6, 6] y) => y = Conv (a, v)",
    ],
)
def test_tunes_whatever_the_network_ends_with(ending):
    """Where no output is read from a potential, layers are judged by the outputs themselves."""
    declared, nodes = ending.split(" => ")
    model = parser.parse_model(
        f'<ir_version: 9, opset_import: ["" : 17]> g (float[N, 3, 6, 6] x) => ({declared} '
        f"{{ u = Conv (x, w) a = Relu (u) b = Conv (a, v) {nodes} }}"
    )
    rng = np.random.default_rng(0)
    weights = {"w": rng.normal(size=(8, 3, 1, 1)), "v": rng.normal(size=(8, 8, 1, 1))}
    model.graph.initializer.extend(numpy_helper.from_array(v.astype(np.float32), k) for k, v in weights.items())
    told = report(snncc.tune(model, BAD_START, calibration=rng.normal(size=(64, 3, 6, 6)).astype(np.float32)))
    assert len(told["layers"]) == 1 + ("Relu" in nodes)
    assert len(told["tried"]) > 2
    assert told["error"]["tuned"] < told["error"]["untuned"]
