# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import numpy as np
import onnxruntime as ort
import pytest
from onnx import numpy_helper

from snncc.models.resnet import resnet18, resnet20, resnet34, resnet50
from snncc.models.vgg import vgg16
from snncc.models.zoo import ZOO, noise

WEIGHTS = {"resnet18": 11.2e6, "resnet20": 0.274e6, "resnet34": 21.3e6, "resnet50": 23.5e6, "vgg16": 15.2e6}


@pytest.mark.parametrize("name", ZOO)
def test_computes_something_of_each_sample(name):
    model = ZOO[name]()
    assert model.graph.name == name
    if name in WEIGHTS:
        count = sum(numpy_helper.to_array(t).size for t in model.graph.initializer)
        assert count == pytest.approx(WEIGHTS[name], rel=0.01)
    session = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    for value, output in zip(session.run(None, noise(model, 2, 1)), session.get_outputs(), strict=True):
        assert list(value.shape) == [2, *output.shape[1:]]
        assert 0.05 < value.std() < 50
        assert not np.allclose(value[0], value[1])


@pytest.mark.parametrize(("build", "millions"), [(resnet18, 11.7), (resnet34, 21.8), (resnet50, 25.6)])
def test_shapes_for_imagenet(build, millions):
    model = build()
    assert sum(numpy_helper.to_array(t).size for t in model.graph.initializer) == pytest.approx(
        millions * 1e6, rel=0.01
    )
    assert [d.dim_value for d in model.graph.output[0].type.tensor_type.shape.dim[1:]] == [1000]


@pytest.mark.slow
def test_vgg16_for_imagenet():
    model = vgg16(size=224, classes=1000)
    assert sum(numpy_helper.to_array(t).size for t in model.graph.initializer) == pytest.approx(138.4e6, rel=0.01)


def test_same_seed_gives_the_same_bytes():
    first, second, other = (resnet20(seed).SerializeToString(deterministic=True) for seed in (3, 3, 4))
    assert first == second
    assert first != other
