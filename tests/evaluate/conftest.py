# SPDX-License-Identifier: Apache-2.0
"""A tiny network with a pool, strides, groups, uneven pads and a residual sum, its conversion, and data for both."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper, parser

import snncc

ROOT = Path(__file__).parents[2]

TEXT = """<ir_version: 10, opset_import: ["": 21]>
tiny (float[N,3,6,7] x) => (float[N,7] y)
{
    c1 = Conv <pads=[1,1,1,1]> (x, w1, b1)
    r1 = Relu (c1)
    p1 = AveragePool <kernel_shape=[2,2]> (r1)
    c2 = Conv <group=2, strides=[2,2], pads=[1,0,1,1]> (p1, w2, b2)
    r2 = Relu (c2)
    c3 = Conv (r2, w3)
    s = Add (c3, r2)
    r3 = Relu (s)
    f = Flatten (r3)
    y = Gemm (f, w4, b4)
}"""


WEIGHTS = {
    "w1": (4, 3, 3, 3),
    "b1": (4,),
    "w2": (4, 2, 3, 2),
    "b2": (4,),
    "w3": (4, 4, 1, 1),
    "w4": (36, 7),
    "b4": (7,),
}


@pytest.fixture(scope="session")
def ann() -> onnx.ModelProto:
    rng = np.random.default_rng(3)
    model = parser.parse_model(TEXT)
    for name, shape in WEIGHTS.items():
        value = rng.normal(0, 1 / np.sqrt(max(np.prod(shape[1:]), 4)), shape).astype(np.float32)
        model.graph.initializer.append(numpy_helper.from_array(value, name))
    for index, node in enumerate(model.graph.node):
        node.name = f"{node.op_type.lower()}_{index}"
    onnx.checker.check_model(model, full_check=True)
    return model


@pytest.fixture(scope="session")
def images() -> np.ndarray:
    return np.random.default_rng(4).normal(size=(12, 3, 6, 7)).astype(np.float32)


@pytest.fixture(scope="session")
def snn(ann: onnx.ModelProto, images: np.ndarray) -> onnx.ModelProto:
    return snncc.convert(ann, snncc.Phase(T=16, Q=1.3), calibration=images)
