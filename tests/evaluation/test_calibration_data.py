# SPDX-License-Identifier: Apache-2.0
"""Evaluation on the samples that calibrated a model is noticed."""

from __future__ import annotations

import numpy as np
import pytest

import snncc
from snncc.models import digits_network
from snncc.models.digits import load_digits

WARNING = "was calibrated with these samples"


@pytest.fixture(scope="module")
def images() -> np.ndarray:
    return load_digits().train_images[:96]


@pytest.fixture(scope="module", params=["folded", "step"])
def model(request, images):
    return snncc.convert(digits_network(), snncc.Rate(T=4, signed=False), calibration=images, form=request.param)


@pytest.mark.parametrize(
    ("part", "options", "told"),
    [
        (slice(0, 96), {}, True),
        (slice(0, 96), {"limit": 20}, True),
        (slice(0, 40), {"batch_size": 7}, True),
        (slice(0, 15), {}, False),  # fewer than are compared
        (slice(16, 96), {}, False),
        (slice(None, None, -1), {}, False),
    ],
    ids=str,
)
def test_warns_about_the_calibration_samples(model, images, caplog, part, options, told):
    snncc.evaluate(model, digits_network(), images[part], **options)
    assert (WARNING in caplog.text) == told


def test_few_calibration_samples_are_noticed_too(images, caplog):
    model = snncc.convert(digits_network(), snncc.FS(K=4), calibration=images[:5])
    snncc.evaluate(model, digits_network(), images[:5])
    assert WARNING in caplog.text


def test_noise_is_no_calibration_data(images, caplog):
    snncc.evaluate(snncc.convert(digits_network(), snncc.FS(K=4)), digits_network(), images)
    assert WARNING not in caplog.text


def test_a_file_and_its_array_are_the_same_samples(images, caplog, tmp_path):
    np.savez(tmp_path / "train.npz", input=images)
    model = snncc.convert(digits_network(), snncc.FS(K=4), calibration=tmp_path / "train.npz")
    snncc.evaluate(model, digits_network(), images)
    assert WARNING in caplog.text
