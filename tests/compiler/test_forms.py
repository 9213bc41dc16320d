# SPDX-License-Identifier: Apache-2.0
"""The forms folded, loop and step give the same outputs to the last bit, for every coding."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from onnx import numpy_helper, parser

import snncc
from snncc.compiler import time_forms
from snncc.execution.folded_form import to_folded
from snncc.ir.metadata import metadata_of
from snncc.models import digits_network
from snncc.models.digits import load_digits
from snncc.runtime import get_library_path

CODINGS = [
    snncc.Rate(T=8),
    snncc.Rate(T=8, shift="bias"),
    snncc.Rate(T=8, shift="none", signed=True),
    snncc.Rate(T=6, wait=6),
    snncc.MSAT(T=8),
    snncc.MSAT(T=8, preset="vgg16", confidence=0.5, early=4, confidence_layers="all"),
    snncc.FS(K=5),
    snncc.FS(K=4, alpha=10.0, shift=False, input="binary"),
    snncc.Phase(T=6, Q=1.5),
    snncc.Phase(T=6, Q=1.5, spikes=2),
    snncc.Phase(T=6, Q=1.5, wait=4),
    snncc.Phase(T=5, wait=4, levels=(1.0, 0.75, 0.5, 0.25, 0.125)),
    snncc.Phase(T=6, Q=1.5, wait=1, input="one"),
    snncc.Differential(T=4),
]
LEVELS = ("ORT_DISABLE_ALL", "ORT_ENABLE_BASIC", "ORT_ENABLE_EXTENDED")

# Residual sums over paths of different depth, Concat, pools before and after ReLUs, and an analog op in the middle.
WINDING = """net (float[N,3,8,8] x) => (float[N,5] y) {
    c = Conv <pads = [1,1,1,1]> (x, W) a = Relu (c)
    d = Conv <pads = [1,1,1,1]> (a, V) m = MaxPool <kernel_shape = [2,2], strides = [2,2]> (d) b = Relu (m)
    p = AveragePool <kernel_shape = [2,2], strides = [2,2]> (a) s = Add (b, p) e = Conv (s, U) r = Relu (e)
    k = Concat <axis = 1> (r, s) t = LRN <size = 3> (k) q = Conv (t, Z) z = Relu (q)
    g = GlobalAveragePool (z) f = Flatten (g) y = MatMul (f, O) }"""
SIZES = {"W": (6, 3, 3, 3), "V": (6, 6, 3, 3), "U": (4, 6, 1, 1), "Z": (7, 10, 1, 1), "O": (7, 5)}


def fires_early(coding: Any) -> bool:
    return isinstance(coding, snncc.Phase) and coding.wait is not None


def name_of(coding: snncc.Phase) -> str:
    return repr(coding).split(", preset")[0]


def winding() -> onnx.ModelProto:
    rng = np.random.default_rng(1)
    model = parser.parse_model(f'<ir_version: 10, opset_import: ["": 21]>\n{WINDING}')
    for name, shape in SIZES.items():
        model.graph.initializer.append(numpy_helper.from_array(rng.normal(0.05, 0.3, shape).astype(np.float32), name))
    return model


def session(model: onnx.ModelProto, *, native: bool = True, level: str = "ORT_ENABLE_EXTENDED") -> ort.InferenceSession:
    options = ort.SessionOptions()
    options.graph_optimization_level = getattr(ort.GraphOptimizationLevel, level)
    if native:
        options.register_custom_ops_library(str(get_library_path()))
    return ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])


def run(model: onnx.ModelProto, images: np.ndarray, **options: Any) -> np.ndarray:
    found = session(model, **options)
    return found.run(None, {found.get_inputs()[0].name: images})[0]


def run_steps(model: onnx.ModelProto, images: np.ndarray, **options: Any) -> np.ndarray:
    """Drives a network of single steps as a host would that knows nothing but its metadata."""
    described = metadata_of(model)["snncc.form"]
    states = {}
    for state in described["states"]:
        shape = [len(images) if isinstance(d, str) or d is None else d for d in state["shape"]]
        states[state["input"]] = np.full(shape, state["initial"], state["dtype"])
    opened = session(model, **options)
    names = [o.name for o in opened.get_outputs()]
    for _ in range(described["steps"]):
        outputs = dict(zip(names, opened.run(None, {opened.get_inputs()[0].name: images, **states}), strict=True))
        states = {state["input"]: outputs[state["output"]] for state in described["states"]}
    return outputs[names[0]]


@pytest.fixture(params=["digits", "winding"])
def network(request: pytest.FixtureRequest) -> tuple[Any, np.ndarray, np.ndarray]:
    """(Model, calibration images, images)."""
    if request.param == "digits":
        digits = load_digits()
        return digits_network(), digits.train_images[:64], digits.test_images[:12]
    rng = np.random.default_rng(2)
    return winding(), rng.random((64, 3, 8, 8), np.float32), rng.random((5, 3, 8, 8), np.float32)


@pytest.mark.parametrize("coding", CODINGS, ids=name_of)
def test_forms_are_equal(network, coding, monkeypatch):
    monkeypatch.setattr(time_forms, "_CACHE", 1)  # the loop takes its steps one by one
    model, calibration, images = network
    made = {form: snncc.convert(model, coding, calibration=calibration, form=form) for form in time_forms.FORMS[1:]}
    folded = run(made["folded"], images)
    np.testing.assert_array_equal(run(made["loop"], images), folded)
    np.testing.assert_array_equal(run_steps(made["step"], images), folded)
    # The default optimisation level may sum convolutions otherwise; without the library, bodies take over.
    np.testing.assert_array_equal(run(made["folded"], images, native=False), folded)
    np.testing.assert_array_equal(run(made["loop"], images, native=False), folded)
    if not fires_early(coding):
        for form in ("loop", "step"):
            np.testing.assert_array_equal(run(to_folded(made[form]), images), folded)


@pytest.mark.parametrize("coding", [CODINGS[0], CODINGS[4], CODINGS[6], CODINGS[10]], ids=name_of)
def test_forms_with_int8_weights_have_the_same_spikes(coding, monkeypatch):
    """One spike more or less would change outputs by far more than the order of sums in the last product may."""
    monkeypatch.setattr(time_forms, "_CACHE", 1)
    rng = np.random.default_rng(2)
    calibration, images = rng.random((32, 3, 8, 8), np.float32), rng.random((5, 3, 8, 8), np.float32)
    options = {"calibration": calibration, "weights": "int8", "fold_bn": "threshold"}
    made = {form: snncc.convert(winding(), coding, form=form, **options) for form in time_forms.FORMS[1:]}
    folded = run(made["folded"], images)
    others = [run(made["loop"], images), run_steps(made["step"], images)]
    others += [run(made["folded"], images, native=False), run(made["loop"], images, native=False)]
    if not fires_early(coding):
        others += [run(to_folded(made[form]), images) for form in ("loop", "step")]
    for found in others:
        np.testing.assert_allclose(found, folded, rtol=0, atol=1e-6)


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("coding", [CODINGS[0], CODINGS[4], CODINGS[6], CODINGS[10]], ids=name_of)
def test_forms_are_equal_at_every_level_below_the_default(coding, level):
    digits = load_digits()
    images = digits.test_images[:8]
    options = {"calibration": digits.train_images[:32]}
    made = {form: snncc.convert(digits_network(), coding, form=form, **options) for form in time_forms.FORMS[1:]}
    folded = run(made["folded"], images, level=level)
    np.testing.assert_array_equal(run(made["loop"], images, level=level), folded)
    np.testing.assert_array_equal(run_steps(made["step"], images, level=level), folded)


def test_a_loop_takes_several_steps_a_turn(monkeypatch):
    digits = load_digits()
    coding = snncc.Rate(T=12)
    folded = run(snncc.convert(digits_network(), coding, calibration=digits.train_images[:32]), digits.test_images)
    for chunk in (1, 4, 12):
        monkeypatch.setattr(time_forms, "_chunk", lambda *_, chunk=chunk: chunk)
        loop = snncc.convert(digits_network(), coding, calibration=digits.train_images[:32], form="loop")
        assert metadata_of(loop)["snncc.form"] == {"form": "loop", "steps": 12, "chunk": chunk}
        np.testing.assert_array_equal(run(loop, digits.test_images), folded)


def test_the_turns_of_a_loop_do_not_grow_with_time():
    chunks = []
    for T in (16, 2048):
        loop = snncc.convert(digits_network(), snncc.Rate(T=T), form="loop", input_range=(0, 1))
        chunks.append(metadata_of(loop)["snncc.form"]["chunk"])
    assert chunks[0] <= 16
    assert chunks[1] <= 2**19 // (8 * 24 * 16)


def test_auto_takes_the_loop_where_time_would_fill_the_memory(monkeypatch):
    form = lambda coding: metadata_of(snncc.convert(digits_network(), coding, input_range=(0, 1)))["snncc.form"]["form"]  # noqa: E731
    assert form(snncc.Rate(T=8)) == "folded"
    monkeypatch.setattr(time_forms, "_MEMORY", 2**20)
    assert form(snncc.Rate(T=64)) == "loop"
    assert form(snncc.Phase(T=16, wait=8)) == "folded"
    monkeypatch.setattr(time_forms, "_MEMORY", 0)
    assert form(snncc.Rate(T=1)) == "folded"


@pytest.mark.parametrize("coding", CODINGS, ids=repr)
def test_auto_never_loops_without_a_time_axis(coding, monkeypatch):
    """Layers that have all of their input before they fire run once, however many steps they have."""
    monkeypatch.setattr(time_forms, "_MEMORY", 0)
    model = snncc.convert(digits_network(), coding, input_range=(0, 1))
    loops = isinstance(coding, (snncc.Rate, snncc.MSAT, snncc.Differential)) and not coding.wait
    assert metadata_of(model)["snncc.form"]["form"] == ("loop" if loops else "folded")
    assert any(node.op_type == "Loop" for node in model.graph.node) == loops


def test_an_unknown_form_is_refused():
    with pytest.raises(snncc.SnnccError, match="form is 'unfolded', but it must be one of auto, folded, loop, step"):
        snncc.convert(digits_network(), snncc.Rate(), form="unfolded")


def test_the_mean_over_time_is_matched():
    """Without, the potentials of few steps are off by the error that every layer adds."""
    digits = load_digits()
    ann = run(onnx.load_from_string(digits_network()), digits.test_images)
    errors = []
    for match in (True, False):
        snn = snncc.convert(digits_network(), snncc.MSAT(T=8), calibration=digits.train_images[:128], match=match)
        errors.append(np.linalg.norm(run(snn, digits.test_images) - ann) / np.linalg.norm(ann))
    assert errors[0] < 0.6 * errors[1]


def test_a_fixed_batch_and_an_output_that_others_read():
    """Steps are stacked on a batch of four; `y` leaves the network and goes on in it, as spikes."""
    body = """net (float[4,6] x) => (float[4,5] y, float[4,3] z) {
        a = MatMul (x, W) y = Relu (a) b = MatMul (y, V) c = Relu (b) z = MatMul (c, U) }"""
    model = parser.parse_model(f'<ir_version: 10, opset_import: ["": 21]>\n{body}')
    rng = np.random.default_rng(1)
    for name, shape in {"W": (6, 5), "V": (5, 5), "U": (5, 3)}.items():
        model.graph.initializer.append(numpy_helper.from_array(rng.normal(0.1, 0.5, shape).astype(np.float32), name))
    x = rng.random((4, 6), np.float32)
    expected = session(model).run(None, {"x": x})
    for coding in (snncc.Rate(T=256), snncc.Phase(T=48, Q=1.1, wait=40)):
        for form in ("folded", "loop"):
            found = session(snncc.convert(model, coding, calibration=x, form=form)).run(None, {"x": x})
            for a, b in zip(expected, found, strict=True):
                assert a.shape == b.shape
                assert np.abs(a - b).max() < 0.05 * np.abs(a).max()
