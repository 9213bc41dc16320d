# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import numpy as np
import pytest

from snncc.errors import DataError
from snncc.evaluation.accuracy import AccuracyCounter


def test_accuracy_and_agreement_over_batches():
    rng = np.random.default_rng(0)
    ann, snn = rng.normal(size=(2, 50, 8)).astype(np.float32)
    labels = rng.integers(0, 8, 50)
    tally = AccuracyCounter(labels)
    for part in np.array_split(np.arange(50), 7):
        tally.add(ann[part], snn[part])
    order = [np.argsort(-scores, axis=1) for scores in (ann, snn)]
    assert tally.top(1) == pytest.approx([100 * (o[:, 0] == labels).mean() for o in order])
    assert tally.top(5) == pytest.approx([100 * (o[:, :5] == labels[:, None]).any(1).mean() for o in order])
    assert tally.agreement == (order[0][:, 0] == order[1][:, 0]).mean()
    assert tally.error == pytest.approx(np.abs(ann - snn).mean() / np.abs(ann).mean(), rel=1e-6)


def test_no_labels_and_few_classes():
    tally = AccuracyCounter(None)
    tally.add(np.eye(3, dtype=np.float32), np.eye(3, dtype=np.float32))
    assert tally.top(1) is None
    assert (tally.agreement, tally.error) == (1.0, 0.0)
    tally = AccuracyCounter(np.arange(3))
    tally.add(np.eye(3, dtype=np.float32), np.zeros((3, 3), np.float32))
    assert tally.top(1) == pytest.approx((100, 100 / 3))
    assert tally.top(5) is None


def test_networks_that_end_in_argmax():
    tally = AccuracyCounter(np.array([4, 5, 6]))
    tally.add(np.array([[4], [5], [0]]), np.array([[4], [0], [0]]))
    assert tally.top(1) == pytest.approx((200 / 3, 100 / 3))
    assert tally.agreement == pytest.approx(2 / 3)


def test_what_does_not_fit():
    with pytest.raises(DataError, match=r"the ANN gives \[2, 3\] and the SNN \[2, 4\]"):
        AccuracyCounter(None).add(np.zeros((2, 3)), np.zeros((2, 4)))
    with pytest.raises(DataError, match="there are 1 labels"):
        AccuracyCounter(np.array([0])).add(np.zeros((2, 3)), np.zeros((2, 3)))
    with pytest.raises(DataError, match="label 7 is no class of a network with 3 outputs"):
        AccuracyCounter(np.array([0, 7])).add(np.zeros((2, 3)), np.zeros((2, 3)))


@pytest.mark.parametrize("axis", [1, 2])
def test_labels_of_places(axis):
    """Classes lie on the axis that the labels have not; places with a negative label do not count."""
    rng = np.random.default_rng(0)
    ann, snn = rng.normal(size=(2, 6, 5, 8)).astype(np.float32)
    labels = rng.integers(-1, 8, (6, 5))
    tally = AccuracyCounter(labels)
    for part in (slice(0, 2), slice(2, 6)):
        tally.add(np.moveaxis(ann, 2, axis)[part], np.moveaxis(snn, 2, axis)[part])
    chosen = labels >= 0
    assert chosen.sum() < labels.size
    assert tally.samples == 6
    assert tally.top(1) == pytest.approx([100 * (s.argmax(2) == labels)[chosen].mean() for s in (ann, snn)])
    assert tally.agreement == (ann.argmax(2) == snn.argmax(2))[chosen].mean()


def test_labels_of_other_places():
    with pytest.raises(DataError, match=r"labels are \[4\] for each sample, the network gives \[5, 3\]"):
        AccuracyCounter(np.zeros((2, 4), np.int64)).add(np.zeros((2, 5, 3)), np.zeros((2, 5, 3)))


def test_tallies_merge_to_that_of_all_samples_in_any_order():
    rng = np.random.default_rng(5)
    ann, labels = rng.normal(size=(30, 8)).astype(np.float32), rng.integers(0, 8, 30)
    snn = ann + rng.normal(scale=0.5, size=ann.shape).astype(np.float32)
    whole = AccuracyCounter(labels)
    whole.add(ann, snn)
    parts = []
    for start in (20, 0, 7):
        rows = slice(start, {0: 7, 7: 20, 20: 30}[start])
        parts.append(AccuracyCounter(labels[rows]))
        parts[-1].add(ann[rows], snn[rows])
    merged = AccuracyCounter(None)
    for part in parts:
        merged.merge(part.to_json())
    assert merged.to_json() == whole.to_json()
    assert (merged.top(1), merged.top(5), merged.error) == (whole.top(1), whole.top(5), whole.error)
    assert whole.error == pytest.approx(np.abs(ann - snn).sum() / np.abs(ann).sum(), rel=1e-6)


def test_error_of_infinite_outputs_is_not_known():
    tally = AccuracyCounter(None)
    tally.add(np.ones((2, 3)), np.array([[1, 1, 1], [1, np.inf, 1.0]]))
    tally.add(np.ones((1, 3)), np.ones((1, 3)))
    assert np.isnan(tally.error)
