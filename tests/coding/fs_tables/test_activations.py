# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import numpy as np
import onnx.parser
import pytest
from onnx.reference import ReferenceEvaluator

from snncc.coding.fs_tables.activations import ACTIVATIONS, activation
from snncc.errors import OptionError

OPS = {
    "sigmoid": "Sigmoid",
    "tanh": "Tanh",
    "gelu": "Gelu",
    "gelu-tanh": 'Gelu <approximate = "tanh">',
    "hardswish": "HardSwish",
    "hardsigmoid": "HardSigmoid",
    "elu": "Elu",
    "softplus": "Softplus",
    "leakyrelu": "LeakyRelu",
    "mish": "Mish",
}


@pytest.mark.parametrize("name", OPS)
def test_function_is_that_of_onnx(name):
    model = onnx.parser.parse_model(
        f'<ir_version: 10, opset_import: ["": 22]> g (float[N] x) => (float[N] y) {{ y = {OPS[name]} (x) }}'
    )
    x = np.linspace(-12, 12, 241).astype(np.float32)
    expected = ReferenceEvaluator(model).run(None, {"x": x})[0]
    np.testing.assert_allclose(activation(name).function(x.astype(np.float64)), expected, rtol=1e-5, atol=1e-6)


def test_swish_is_x_times_sigmoid():
    x = np.linspace(-12, 12, 241)
    np.testing.assert_allclose(activation("swish").function(x), x / (1 + np.exp(-x)), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_function_is_finite_far_away(name):
    with np.errstate(all="raise", under="ignore"):
        assert np.isfinite(activation(name).function(np.array([-1e3, 0.0, 1e3]))).all()


def test_unknown_activation_lists_the_known_ones():
    with pytest.raises(OptionError, match=r"no activation 'silu2'; choose one of swish, sigmoid"):
        activation("silu2")
