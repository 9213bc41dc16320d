# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Callable

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from onnx import numpy_helper

from snncc.models.resnet import resnet18, resnet20

BUILDERS = [(resnet18, 224, 11.7e6, 1000), (resnet20, 32, 0.27e6, 10)]


@pytest.mark.parametrize(("build", "size", "weights", "classes"), BUILDERS)
def test_has_the_shape_it_is_named_after(build: Callable[..., onnx.ModelProto], size, weights, classes):
    model = build()
    count = sum(numpy_helper.to_array(t).size for t in model.graph.initializer)
    assert count == pytest.approx(weights, rel=0.05)
    session = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    images = np.random.default_rng(1).normal(0, 1, (2, 3, size, size)).astype(np.float32)
    logits = session.run(None, {"input": images})[0]
    assert logits.shape == (2, classes)
    assert 0.05 < logits.std() < 50
    assert not np.allclose(logits[0], logits[1])


def test_same_seed_gives_the_same_bytes():
    first, second, other = (resnet20(seed).SerializeToString(deterministic=True) for seed in (3, 3, 4))
    assert first == second
    assert first != other
