# SPDX-License-Identifier: Apache-2.0
"""Room for activations above all that calibration saw: the records that one more sample is expected to set."""

from __future__ import annotations

import numpy as np
import pytest

import snncc
from snncc.calibration.histogram import LeastSquares
from snncc.calibration.observers import ActivationSite

SITE = ActivationSite("t", 4, 1)


def counts(values: np.ndarray, site: ActivationSite = SITE) -> tuple[np.ndarray, np.ndarray]:
    """(The middles of the bins, counts (channels, bins)) of activations [N, C, H, W], one batch for each sample."""
    observer = LeastSquares(snncc.Phase(T=4, Q=1.5).code)
    for start in range(0, len(values), 3):
        observer.update(site, values[start : start + 3].astype(np.float32))
    return observer.counted(site)


def activations(maxima: list[list[float]]) -> np.ndarray:
    """Samples [N, C, 2, 2] with these maxima (N, C), and smaller values elsewhere."""
    found = np.full((len(maxima), len(maxima[0]), 2, 2), 0.1)
    found[:, :, 1, 0] = maxima
    return found


def test_a_record_is_expected_as_far_above_the_largest_as_that_is_above_the_second():
    """In one of 16 + 1 samples, of which 16 are counted: 16/17 of a value at 4/3 x 4 in channel 0."""
    values, found = counts(activations([[1.0], [2.0], [3.0], [4.0], *[[1.0]] * 12]))
    above = values > 4.2
    assert found[0, above].sum() == pytest.approx(16 / 17)
    assert values[above][found[0, above] > 0] == pytest.approx(4 / 3 * 4, rel=0.04)


def test_ratios_are_those_of_all_channels():
    """No sample sets a record in the second channel, so that both get half of the record of the first."""
    values, found = counts(activations([[2.0, 3.0], [3.0, 3.0], *[[1.0, 1.0]] * 14]))
    assert found[:, values > 3.2].sum(axis=1) == pytest.approx([8 / 17, 8 / 17])
    assert found.sum(axis=1) - 64 == pytest.approx([8 / 17, 8 / 17])


@pytest.mark.parametrize(
    "maxima",
    [[[2.0], [3.0], *[[1.0]] * 13], [[3.0]] * 16, [*[[0.0]] * 15, [3.0]]],
    ids=["15 samples", "equal", "one alive"],
)
def test_no_ratio_no_record(maxima):
    values, found = counts(activations(maxima) * (np.array(maxima) > 0)[:, :, None, None])
    assert found[0, values > 3.2].sum() == 0


def test_no_record_is_above_a_ceiling():
    values, found = counts(activations([[2.0], [3.0], *[[1.0]] * 14]), ActivationSite("t", 4, 1, ceiling=3.0))
    assert found[0, values > 3.2].sum() == 0
    assert found[0].sum() == pytest.approx(64 + 16 / 17)


def test_scales_leave_room(network):
    """Of many drawn networks with few samples, the mean error on other samples is less than with the largest seen."""
    rng = np.random.default_rng(0)
    body = "g (float[N, 16] x) => (float[N, 4] y) { a = MatMul (x, W) r = Relu (a) y = MatMul (r, V) }"
    model = network(body, W=(16, 32), V=(32, 4))
    wanted, errors = snncc.FS(K=8), []
    other = rng.standard_t(3, (2000, 16)).astype(np.float32)
    for seen in (rng.standard_t(3, (24, 16)).astype(np.float32) for _ in range(5)):
        for scale in (None, "max"):
            snn = snncc.convert(model, wanted, calibration=seen, scale=scale, match=False)
            errors.append(snncc.evaluate(snn, model, other).output_error)
    assert np.mean(errors[::2]) < 0.9 * np.mean(errors[1::2])
