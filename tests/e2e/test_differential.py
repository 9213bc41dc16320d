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
