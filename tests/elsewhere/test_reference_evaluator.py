# SPDX-License-Identifier: Apache-2.0
"""Converted networks in onnx's reference evaluator, with function bodies only."""

from __future__ import annotations

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from onnx.reference import ReferenceEvaluator


def assert_same_classes(model: onnx.ModelProto, images: np.ndarray) -> None:
    feeds = {model.graph.input[0].name: images}
    session = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    expected, found = session.run(None, feeds)[0], ReferenceEvaluator(model).run(None, feeds)[0]
    assert found.dtype == expected.dtype
    np.testing.assert_array_equal(found.argmax(1), expected.argmax(1))


def test_digits(spiking_digits, digits):
    for model in spiking_digits.values():
        assert_same_classes(model, digits.test_images[:10])


@pytest.mark.slow
def test_resnet20(spiking_resnet20, cifar10):
    for model in spiking_resnet20.values():
        assert_same_classes(model, cifar10)
