# SPDX-License-Identifier: Apache-2.0
"""Differential coding: more steps are more exact, every step is an answer, and other ops apply to estimates."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import parser

import snncc
from snncc.errors import OptionError
from snncc.models import digits_network
from snncc.models.digits import load_digits
from snncc.runtime import create_session

DATA = load_digits()


def run(model, x):
    session = create_session(model, device="cpu")
    return session.run(None, {session.get_inputs()[0].name: x})[0]


@pytest.fixture(scope="module")
def exact():
    return run(onnx.load_from_string(digits_network()), DATA.test_images[:64])


@pytest.mark.parametrize("calibration", [None, DATA.train_images[:64]], ids=["noise", "data"])
def test_every_step_is_a_better_answer(exact, calibration):
    options = {"calibration": calibration, "anytime": True}
    found = run(snncc.convert(digits_network(), snncc.Differential(T=4), **options), DATA.test_images[:64])
    errors = np.abs(found - exact).mean(axis=(1, 2))
    assert found.shape == (4, *exact.shape)
    assert (errors[1:] < errors[:-1]).all()
    assert errors[-1] < 0.02 * np.abs(exact).mean()
    assert (found[-1].argmax(1) == exact.argmax(1)).all()


def test_bounds_apply_to_estimates():
    text = "a = Conv (x, W) lo = Constant <value_float = 0.0> () hi = Constant <value_float = 0.5> ()"
    text += " b = Clip (a, lo, hi) m = MaxPool <kernel_shape = [2, 2]> (b) y = ReduceMean <keepdims = 0> (m, ax)"
    head = '<ir_version: 10, opset_import: ["": 21]> g (float[N, 1, 4, 4] x) => (float[N, 2] y)'
    constants = "<float[2, 1, 1, 1] W = {1, -2}, int64[2] ax = {2, 3}>"
    model = parser.parse_model(f"{head} {constants} {{ {text} }}")
    x = np.random.default_rng(0).normal(0, 1, (8, 1, 4, 4)).astype(np.float32)
    found = run(snncc.convert(model, snncc.Differential(T=5), calibration=x, match=False), x)
    np.testing.assert_allclose(found, run(model, x), atol=2e-3)


@pytest.mark.parametrize("wrong", [{"T": 0}, {"T": 13}, {"n": 33}, {"levels": (1.0, 2.0)}, {"n": 2, "levels": (1, 2)}])
def test_wrong_parameters_are_refused(wrong):
    with pytest.raises(OptionError):
        snncc.Differential(**wrong)


def test_streams_give_the_same_answers_and_may_stop_early():
    images, options = DATA.test_images[:16], {"calibration": DATA.train_images[:64]}
    every = run(snncc.convert(digits_network(), snncc.Differential(T=3), anytime=True, **options), images)
    stream = snncc.Stream(snncc.convert(digits_network(), snncc.Differential(T=3), form="step", **options), "cpu")
    stream.start(images)
    for expected, outputs in zip(every, stream, strict=True):
        np.testing.assert_allclose(outputs["logits"], expected, rtol=1e-5, atol=1e-5)
    found, steps = stream.run(images, early_exit=0.0)
    assert (steps == 2).any()
    for sample, step in enumerate(steps):
        np.testing.assert_allclose(found["logits"][sample], every[step - 1, sample], rtol=1e-5, atol=1e-5)


def test_spike_trains_add_up_to_estimates():
    model = snncc.convert(digits_network(), snncc.Differential(T=3), calibration=DATA.train_images[:64])
    trains, _ = snncc.spike_trains(model, DATA.test_images[:8])
    assert len(trains.layers) == 4
    for layer in trains.layers:
        assert layer.sends == "estimates"
        sent = layer.sent().reshape(layer.shape)
        np.testing.assert_allclose(np.cumsum(layer.values_by_step(), axis=0) * layer.scale, sent, rtol=1e-6, atol=1e-6)
        assert (layer.values_by_step() < 0).any()
