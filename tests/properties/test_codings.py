# SPDX-License-Identifier: Apache-2.0
"""Every coding converts any ReLU network, with or without data; the result runs and keeps the output names."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import snncc
import snncc.runtime
from snncc.coding import Coding
from tests.effort import EXAMPLES
from tests.properties.graphs import feeds_of, relu_graphs, run

CODINGS: dict[str, Coding] = {
    "phase": snncc.Phase(T=8, Q=1.5),
    "phase, levels": snncc.Phase(T=5, levels=(1.0, 0.7, 0.45, 0.25, 0.1)),
    "phase, waiting": snncc.Phase(T=8, Q=1.5, wait=6),
    "fs": snncc.FS(K=6),
    "rate": snncc.Rate(T=8, signed=False),
    "rate, signed": snncc.Rate(T=8, signed=True),
    "rate, waiting": snncc.Rate(T=8, wait=8),
    "msat": snncc.MSAT(T=8),
}
CODING = st.sampled_from(sorted(CODINGS))


@pytest.fixture(autouse=True, scope="module")
def quiet() -> Iterator[None]:
    logging.disable(logging.WARNING)
    yield
    logging.disable(logging.NOTSET)


def converts(ann: onnx.ModelProto, coding: str, data: bool) -> None:
    feeds = feeds_of(ann)
    expected = run(ann, feeds)
    snn = snncc.convert(ann, CODINGS[coding], calibration=feeds if data else None)
    onnx.checker.check_model(snn, full_check=True)
    assert [o.name for o in snn.graph.output] == [o.name for o in ann.graph.output]
    portable = run(snn, feeds)
    native = snncc.runtime.create_session(snn, device="cpu").run(None, feeds)
    for results in (portable, native):
        for before, after in zip(expected, results, strict=True):
            assert (after.dtype, after.shape) == (before.dtype, before.shape)
            assert np.isfinite(after).all()


@given(relu_graphs(), CODING, st.booleans())
@settings(max_examples=15)
def test_every_coding_converts(ann: onnx.ModelProto, coding: str, data: bool) -> None:
    converts(ann, coding, data)


@pytest.mark.slow
@given(relu_graphs(most=14), CODING, st.booleans())
@settings(max_examples=EXAMPLES)
def test_every_coding_converts_many(ann: onnx.ModelProto, coding: str, data: bool) -> None:
    converts(ann, coding, data)
