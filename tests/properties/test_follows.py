# SPDX-License-Identifier: Apache-2.0
"""With few-spikes coding of 20 bits, the spiking network computes what the ReLU network does."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import snncc
from snncc.coding.scales import FOLDS
from tests.effort import EXAMPLES
from tests.properties.graphs import close, feeds_of, relu_graphs, run

FINE = snncc.FS(K=20)


@pytest.fixture(autouse=True, scope="module")
def quiet() -> Iterator[None]:
    logging.disable(logging.WARNING)
    yield
    logging.disable(logging.NOTSET)


def follows(ann: onnx.ModelProto, normalize: str, fold_bn: str) -> None:
    feeds = feeds_of(ann, batch=6)
    options = {"scale": "max", "match": False, "normalize": normalize, "fold_bn": fold_bn}
    snn = snncc.convert(ann, FINE, calibration=feeds, **options)
    onnx.checker.check_model(snn, full_check=True)
    for before, after in zip(ann.graph.output, snn.graph.output, strict=True):
        assert before.name == after.name
    for expected, found in zip(run(ann, feeds), run(snn, feeds), strict=True):
        close(expected, found, 1e-3)


NORMALIZE = st.sampled_from(["channel", "layer", "none"])
FOLD = st.sampled_from(FOLDS)


@given(relu_graphs(), NORMALIZE, FOLD)
@settings(max_examples=20)
def test_the_spiking_network_follows(ann: onnx.ModelProto, normalize: str, fold_bn: str) -> None:
    follows(ann, normalize, fold_bn)


@pytest.mark.slow
@given(relu_graphs(most=14), NORMALIZE, FOLD)
@settings(max_examples=EXAMPLES)
def test_many_spiking_networks_follow(ann: onnx.ModelProto, normalize: str, fold_bn: str) -> None:
    follows(ann, normalize, fold_bn)


def test_a_difference_of_one_percent_is_found() -> None:
    value = np.linspace(-1, 1, 5, dtype=np.float32)
    with pytest.raises(AssertionError):
        close(value, value * np.float32(1.01), 1e-3)
