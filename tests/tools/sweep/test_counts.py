# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json
import math
import random
from fractions import Fraction

import numpy as np
import pytest

import snncc
from snncc.errors import DataError
from snncc.evaluation.accuracy import exact_sum
from snncc.evaluation.evaluate import count, evaluate
from snncc.evaluation.shard_sums import ShardSums, merge
from snncc.io.sample_sources import Part

CODINGS = [snncc.Phase(T=8, Q=1.3), snncc.FS(K=4), snncc.Rate(T=8), snncc.MSAT(T=8)]


def test_exact_sum_is_that_of_fractions():
    rng = np.random.default_rng(3)
    values = rng.normal(size=500) * 10.0 ** rng.integers(-300, 300, 500)
    values[:4] = 5e-324, -5e-324, 0.0, 1e308
    found = Fraction(exact_sum(values), 2**1126)
    assert found == sum(map(Fraction, values.tolist()))
    assert float(found) == math.fsum(values)
    assert exact_sum(np.full(9, 1.7976931348623157e308)) == 9 * exact_sum(np.array([1.7976931348623157e308]))


def test_exact_sum_keeps_what_floats_lose():
    values = np.array([1e16, 1.0, -1e16] * 1000)
    assert Fraction(exact_sum(values), 2**1126) == 1000
    assert exact_sum(np.full(100_000, 0.1)) == 100_000 * exact_sum(np.array([0.1]))


@pytest.mark.parametrize("coding", CODINGS, ids=lambda c: c.name)
def test_shards_of_any_size_in_any_order_merge_to_the_same(digits, coding):
    ann, data = digits / "digits_cnn.onnx", digits / "test.npz"
    snn = snncc.convert(ann, coding, calibration=digits / "train.npz")

    def counted(size):
        parts = [count(snn, ann, Part(data, a, a + size), batch_size=1, device="cpu") for a in range(0, 42, size)]
        return [ShardSums.from_json(json.loads(json.dumps(part.to_json()))) for part in parts]

    (whole,) = counted(42)
    for size in (7, 14):
        parts = counted(size)
        random.Random(size).shuffle(parts)
        assert merge(parts).to_json() == whole.to_json()
        assert merge(parts).evaluation().to_json() == whole.evaluation().to_json()


@pytest.mark.parametrize("coding", CODINGS, ids=lambda c: c.name)
def test_merged_counts_are_what_evaluate_finds(digits, coding):
    ann, data = digits / "digits_cnn.onnx", digits / "test.npz"
    snn = snncc.convert(ann, coding, calibration=digits / "train.npz")
    expected = evaluate(snn, ann, data, batch_size=20, device="cpu").to_json()
    parts = [count(snn, ann, Part(data, a, a + 40), batch_size=20, device="cpu") for a in (0, 40, 80)]
    found = merge(parts).evaluation().to_json()
    assert found["latency"].pop("ms_per_sample") is None
    assert expected["latency"].pop("ms_per_sample") is not None
    _assert_close(found, expected)


def test_counts_of_different_networks_do_not_add_up(digits):
    ann, data = digits / "digits_cnn.onnx", digits / "test.npz"
    parts = [
        count(snncc.convert(ann, coding), ann, Part(data, 0, 10), device="cpu")
        for coding in (snncc.FS(K=4), snncc.Rate(T=8))
    ]
    with pytest.raises(DataError, match="do not add up"):
        merge(parts)


def _assert_close(found, expected, where=""):
    if isinstance(expected, dict):
        assert found.keys() == expected.keys(), where
        for key in expected:
            _assert_close(found[key], expected[key], f"{where}.{key}")
    elif isinstance(expected, list):
        assert len(found) == len(expected), where
        for i, (a, b) in enumerate(zip(found, expected, strict=True)):
            _assert_close(a, b, f"{where}[{i}]")
    elif isinstance(expected, float):
        assert found == pytest.approx(expected, rel=1e-12), where
    else:
        assert found == expected, where
