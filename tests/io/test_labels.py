# SPDX-License-Identifier: Apache-2.0
"""Labels beside samples: under any usual name, and what is said of those that are none."""

from __future__ import annotations

import numpy as np
import pytest

import snncc
from snncc.io.sample_sources import labels_of
from snncc.models import digits_network
from snncc.models.digits import load_digits

CLASSES = np.arange(8)


@pytest.mark.parametrize("name", ["labels", "label", "targets", "target", "y"])
def test_any_usual_name(name, tmp_path):
    arrays = {"input": np.zeros((8, 3), np.float32), name: CLASSES}
    np.savez(tmp_path / "data.npz", **arrays)
    for source in (arrays, tmp_path / "data.npz"):
        np.testing.assert_array_equal(labels_of(source), CLASSES)


@pytest.mark.parametrize(
    "other",
    [np.zeros(8, np.float32), np.zeros((8, 2), np.int64), np.array(3)],
    ids=["floats", "two axes", "one number"],
)
def test_what_could_be_something_else_is_no_label(other):
    assert labels_of({"input": np.zeros((8, 3), np.float32), "y": other}) is None


def test_the_first_usual_name_is_taken():
    found = labels_of({"y": CLASSES, "labels": CLASSES[::-1]})
    np.testing.assert_array_equal(found, CLASSES[::-1])


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ([0, 1, 2, -1, 4, 5, 6, 7], "label -1 of sample 3 is no class number"),
        ([0, 1, 2], "3 labels for 8 samples"),
        ([0, 1, 2, 3, 4, 5, 6, 10], "label 10 is no class of a network with 10 outputs"),
        (np.zeros(8), "labels are float64"),
    ],
    ids=str,
)
def test_what_is_wrong_with_labels(labels, message):
    model = snncc.convert(digits_network(), snncc.FS(K=3))
    with pytest.raises(snncc.SnnccError, match=message):
        snncc.evaluate(model, digits_network(), {"input": load_digits().test_images[:8], "labels": labels})
