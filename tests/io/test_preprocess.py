# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import numpy as np
import pytest

from snncc.errors import OptionError
from snncc.io.batches import InputSpec, batches
from snncc.io.preprocess import Preprocess

PIXELS = np.random.default_rng(0).integers(0, 256, (4, 5, 6, 3), dtype=np.uint8)


def test_presets():
    np.testing.assert_array_equal(Preprocess.parse("raw")(PIXELS), PIXELS)
    np.testing.assert_array_equal(Preprocess.parse("unit")(PIXELS).astype(np.float32), PIXELS / np.float32(255))
    mean, std = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]
    np.testing.assert_allclose(Preprocess.parse("imagenet")(PIXELS), (PIXELS / 255 - mean) / std, rtol=1e-12)


def test_keys():
    text = "scale=1/2, mean=1 2 3, std=4"
    np.testing.assert_allclose(Preprocess.parse(text)(PIXELS), (PIXELS / 2 - [1, 2, 3]) / 4)
    assert Preprocess.parse(text).text == text


@pytest.mark.parametrize(
    "text", ["scale=1/255,mean=.485,.456,.406,std=.229,.224,.225", "unit, mean=.485, 456e-3 ,.406,std=.229 .224,.225"]
)
def test_values_may_have_commas_between_them(text):
    np.testing.assert_allclose(Preprocess.parse(text)(PIXELS), Preprocess.parse("imagenet")(PIXELS), rtol=1e-12)


def test_bgr_comes_before_the_mean():
    got = Preprocess.parse("bgr,mean=104 117 123")(PIXELS)
    np.testing.assert_array_equal(got, PIXELS[..., ::-1] - [104.0, 117, 123])


def test_preset_and_keys_together():
    np.testing.assert_allclose(Preprocess.parse("unit,mean=.5")(PIXELS), PIXELS / 255 - 0.5)


def test_mean_image(tmp_path):
    mean = np.random.default_rng(1).uniform(0, 255, (5, 6, 3)).astype(np.float32)
    np.save(tmp_path / "mean.npy", mean)
    preprocess = Preprocess.parse(f"mean={tmp_path / 'mean.npy'}")
    np.testing.assert_array_equal(preprocess(PIXELS), PIXELS - mean.astype(np.float64))
    with pytest.raises(OptionError, match=r"mean image is \(5, 6, 3\), the images are \(4, 6, 3\)"):
        preprocess(PIXELS[:, :4])


def test_channels_are_found_in_every_layout():
    preprocess = Preprocess.parse("mean=1 2 3")
    expected = np.moveaxis(PIXELS - np.array([1.0, 2, 3]), -1, 1)
    spec = [InputSpec("x", ("N", 3, 5, 6), np.dtype(np.float32))]
    for data in (PIXELS, np.moveaxis(PIXELS, -1, 1)):
        (batch,) = batches(data, spec, preprocess=preprocess)
        np.testing.assert_array_equal(batch["x"], expected)


def test_flat_inputs_take_one_mean():
    spec = [InputSpec("x", ("N", 30), np.dtype(np.float32))]
    (batch,) = batches(PIXELS[..., 0], spec, preprocess=Preprocess.parse("unit,mean=.5"))
    np.testing.assert_allclose(batch["x"], PIXELS[..., 0].reshape(4, 30) / 255 - 0.5, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("imagnet", "'imagnet' is unknown. Give the presets raw, unit, imagenet"),
        ("mean=1 x", "no number"),
        ("scale=1/0", "no number"),
        ("std=1 0 1", "std holds a 0"),
        ("mean=nowhere.npy", "cannot be read"),
        ("bgr=1", "unknown"),
        ("scale=", "unknown"),
        ("scale=1,2", "'2' is unknown"),
        ("imagenet,.5", "'.5' is unknown"),
        (".5", "'.5' is unknown"),
    ],
)
def test_bad_text(text, message):
    with pytest.raises(OptionError, match=message):
        Preprocess.parse(text)


def test_wrong_number_of_channels():
    with pytest.raises(OptionError, match="mean has 2 values, the images have 3"):
        Preprocess.parse("mean=1 2")(PIXELS)
