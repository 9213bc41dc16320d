# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Callable

import numpy as np
import onnx
import pytest
from onnx import numpy_helper, parser


@pytest.fixture
def network() -> Callable[..., onnx.ModelProto]:
    """`network(body, W=shape or value, …)`: a model of the body's text with seeded weights."""

    def make(body: str, **weights: object) -> onnx.ModelProto:
        rng = np.random.default_rng(1)
        model = parser.parse_model(f'<ir_version: 10, opset_import: ["": 21]>\n{body}')
        for name, given in weights.items():
            value = rng.normal(0.1, 0.7, given) if isinstance(given, tuple) else np.asarray(given)
            value = np.abs(value) + 0.1 if name.startswith("var") else value
            model.graph.initializer.append(numpy_helper.from_array(value.astype(np.float32), name))
        return model

    return make


@pytest.fixture
def cnn(network: Callable[..., onnx.ModelProto]) -> onnx.ModelProto:
    """Two convolutions with BatchNormalization, and a readout."""
    body = """g (float[N, 2, 8, 8] x) => (float[N, 3] y) {
        c = Conv(x, W) n = BatchNormalization(c, g, h, m, var) r = Relu(n)
        d = Conv(r, U) s = Relu(d) a = GlobalAveragePool(s) f = Flatten(a) y = Gemm(f, V) }"""
    shapes = {"W": (4, 2, 3, 3), "g": (4,), "h": (4,), "m": (4,), "var": (4,), "U": (5, 4, 3, 3), "V": (5, 3)}
    return network(body, **shapes)


@pytest.fixture
def images() -> np.ndarray:
    return np.random.default_rng(4).normal(0.3, 1, (150, 2, 8, 8)).astype(np.float32)
