# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import copy

import numpy as np
import onnx.parser
import onnxruntime as ort
import pytest

import snncc
from snncc.errors import DataError, ModelError, OptionError
from snncc.execution.early_exit import EarlyExit
from snncc.execution.stream import Stream
from snncc.ir.metadata import metadata_of
from snncc.runtime import create_session
from snncc.runtime.devices import cuda_unavailable

VALUES = ("rate-wait", "phase", "phase-wait", "phase-spikes", "fs", "fs-binary")
MEANS = ("rate", "rate-signed", "msat", "msat-confident")


@pytest.mark.parametrize("coding", [*MEANS, *VALUES])
def test_all_steps_give_what_the_folded_form_gives(coding, converted, digits, exact):
    images = digits.test_images[:40]
    expected = create_session(converted(coding), device="cpu", options=exact).run(None, {"input": images})[0]
    stream = Stream(converted(coding, "step"), "cpu", options=exact)
    outputs, steps = stream.run(images)
    assert np.array_equal(outputs["logits"], expected)
    assert steps.tolist() == [stream.steps] * 40
    again, _ = stream.run(images[:7])  # another batch, and no memory of the first one
    assert np.array_equal(again["logits"], expected[:7])


@pytest.mark.parametrize("coding", ["rate", "phase-wait"])
def test_matched_potentials_make_no_difference(coding, converted, digits, exact):
    """Only the last linear layer may round otherwise; a single spike more or less would show."""
    images = digits.test_images[:20]
    folded, step = (converted(coding, form, match=True) for form in ("folded", "step"))
    expected = create_session(folded, device="cpu", options=exact).run(None, {"input": images})[0]
    outputs, _ = Stream(step, "cpu", options=exact).run(images)
    np.testing.assert_allclose(outputs["logits"], expected, rtol=1e-5, atol=1e-5)


def test_every_step_gives_the_running_mean(digits, converted, exact):
    model = converted("rate", anytime=True)
    expected = create_session(model, device="cpu", options=exact).run(None, {"input": digits.test_images[:5]})[0]
    stream = Stream(converted("rate", "step"), "cpu", options=exact)
    stream.start({"input": digits.test_images[:5]})
    found = [outputs["logits"] for outputs in stream]
    assert stream.done == stream.steps == len(found)
    assert np.array_equal(np.stack(found), expected)


def test_a_host_that_feeds_states_back_gets_the_same(converted, digits, exact):
    """What the docstring of Stream tells hosts in other languages, word by word."""
    model = converted("msat", "step")
    images = digits.test_images[:3]
    form = metadata_of(model)["snncc.form"]
    session = ort.InferenceSession(model.SerializeToString(), exact, providers=["CPUExecutionProvider"])
    names = [value.name for value in model.graph.output]
    states = {}
    for state in form["states"]:
        shape = state["shape"] if state["input"] == "step" else [3, *state["shape"][1:]]
        states[state["input"]] = np.full(shape, state["initial"], state["dtype"])
    for _ in range(form["steps"]):
        out = dict(zip(names, session.run(names, {"input": images, **states}), strict=True))
        states = {state["input"]: out[state["output"]] for state in form["states"]}
    expected, _ = Stream(model, "cpu").run(images)
    np.testing.assert_allclose(out["logits"], expected["logits"], atol=1e-5)


def test_inputs_may_change_from_step_to_step(converted, digits, exact):
    stream = Stream(converted("rate", "step"), "cpu", options=exact)
    first, second = digits.test_images[:2], digits.test_images[2:4]
    stream.start(first)
    stream.step()
    mixed = stream.step(second)["logits"]
    stream.start(first)
    stream.step()
    assert not np.array_equal(mixed, stream.step()["logits"])
    stream.start(first)
    stream.step()
    assert np.array_equal(mixed, stream.step({"input": second})["logits"])


@pytest.mark.parametrize("coding", MEANS)
def test_early_exit_is_per_sample(coding, converted, digits):
    images = digits.test_images[:40]
    stream = Stream(converted(coding, "step"), "cpu")
    together, steps = stream.run(images, early_exit=2.0)
    assert 2 <= steps.min() < steps.max()
    for i in range(8):
        alone, needed = stream.run(images[i : i + 1], early_exit=2.0)
        assert needed[0] == steps[i]
        assert np.array_equal(alone["logits"][0], together["logits"][i])


def test_early_exit_follows_its_rule(converted, digits):
    images = digits.test_images[:30]
    stream = Stream(converted("rate", "step"), "cpu")
    outputs, steps = stream.run(images, early_exit=1.5)
    stream.start(images)
    history = np.stack([out["logits"] for out in stream])
    ordered = np.sort(history, axis=2)
    lead, leader = ordered[:, :, -1] - ordered[:, :, -2], history.argmax(2)
    for i in range(len(images)):
        settled = [
            t for t in range(1, stream.steps) if min(lead[t - 1 : t + 1, i]) >= 1.5 and leader[t, i] == leader[t - 1, i]
        ]
        assert steps[i] == (settled[0] + 1 if settled else stream.steps)
        assert np.array_equal(outputs["logits"][i], history[steps[i] - 1, i])


def test_a_lead_of_just_the_margin_settles():
    """At the second step in a row; the first class counts like any other."""
    exits = EarlyExit("y", 0.5)
    scores = np.array([[1.5, 1.0, 0.0], [0.0, 1.0, 1.5], [1.49, 1.0, 0.0]])
    for settled in ([False] * 3, [True, True, False]):
        exits.add({"y": scores.copy()}, last=False)
        assert exits.settled.tolist() == settled
    exits.add({"y": scores + np.array([0.0, 9.0, 0.0])}, last=True)
    assert exits.steps.tolist() == [2, 2, 3]
    np.testing.assert_array_equal(exits.results["y"], [[1.5, 1.0, 0.0], [0.0, 1.0, 1.5], [1.49, 10.0, 0.0]])


def test_margins_from_none_to_all(converted, digits):
    images, labels = digits.test_images[:40], digits.test_labels[:40]
    stream = Stream(converted("rate", "step"), "cpu")
    full, _ = stream.run(images)
    means, right = [], []
    for margin in (0, 1, 3, 1e9):
        outputs, steps = stream.run(images, early_exit=margin)
        means.append(steps.mean())
        right.append((outputs["logits"].argmax(1) == labels).mean())
    assert means == sorted(means)
    assert means[0] < 4
    assert means[-1] == stream.steps
    assert right[-2] >= 0.9
    assert np.array_equal(outputs["logits"], full["logits"])


def test_a_loop_of_no_samples_ends(converted, digits):
    outputs, steps = Stream(converted("rate", "step"), "cpu").run(digits.test_images[:0], early_exit=1.0)
    assert outputs["logits"].shape == (0, 10)
    assert steps.shape == (0,)


@pytest.mark.parametrize("coding", VALUES)
def test_no_early_exit_from_values(coding, converted, digits):
    with pytest.raises(OptionError, match="means over"):
        Stream(converted(coding, "step"), "cpu").run(digits.test_images[:2], early_exit=1.0)


def test_refusals(converted, digits):
    with pytest.raises(OptionError, match="form step"):
        Stream(converted("rate"), "cpu")
    stream = Stream(converted("rate", "step"), "cpu")
    with pytest.raises(OptionError, match="start"):
        stream.step()
    with pytest.raises(OptionError, match="margin"):
        stream.run(digits.test_images[:2], early_exit=-1.0)
    with pytest.raises(OptionError, match="margin"):
        stream.run(digits.test_images[:2], early_exit=float("nan"))
    with pytest.raises(DataError, match="inputs are input"):
        stream.start({"images": digits.test_images[:2]})
    with pytest.raises(DataError, match=r"\[2, 8, 8\]"):
        stream.start(digits.test_images[:2, 0])
    stream.start(digits.test_images[:2])
    with pytest.raises(DataError, match="begun with"):
        stream.step(digits.test_images[:3])


def test_states_of_unknown_size_are_refused(converted, digits):
    model = copy.deepcopy(converted("rate", "step"))
    entry = next(p for p in model.metadata_props if p.key == "snncc.form")
    entry.value = entry.value.replace('["N", 16, 8, 8]', '["N", 16, "H", "W"]')
    with pytest.raises(ModelError, match="fixed sizes"):
        Stream(model, "cpu").start(digits.test_images[:2])


def test_early_exit_needs_scores_of_classes():
    text = """<ir_version: 8, opset_import: ["": 17]> g (float[N, 3] x) => (float[N, 1] y)
    <float[3, 4] w = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}, float[4, 1] v = {1, -1, 1, -1}>
    { a = MatMul (x, w) b = Relu (a) y = MatMul (b, v) }"""
    data = np.random.default_rng(0).uniform(0, 1, (20, 3)).astype(np.float32)
    model = snncc.convert(onnx.parser.parse_model(text), snncc.Rate(T=4), calibration=data, form="step")
    stream = Stream(model, "cpu")
    assert stream.run(data)[0]["y"].shape == (20, 1)
    with pytest.raises(OptionError, match="scores of classes"):
        stream.run(data, early_exit=1.0)


@pytest.mark.gpu
@pytest.mark.skipif(cuda_unavailable() is not None, reason="needs a CUDA device")
@pytest.mark.parametrize("coding", ["rate", "msat", "phase-wait", "fs"])
def test_states_stay_on_the_gpu(coding, converted, digits):
    images = digits.test_images[:40]
    model = converted(coding, "step")
    on_gpu, steps = Stream(model, "cuda").run(images)
    expected, _ = Stream(model, "cpu").run(images)
    assert steps.tolist() == [Stream(model, "cpu").steps] * 40
    assert np.mean(on_gpu["logits"].argmax(1) == expected["logits"].argmax(1)) >= 0.95
