# SPDX-License-Identifier: Apache-2.0
"""Recurrent nodes with seeded weights, alone and in networks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper, parser

GATES = {"LSTM": 4, "GRU": 3, "RNN": 1}
STEPS, SAMPLES, FEATURES, UNITS = 9, 3, 5, 6


def weights_of(
    op: str, sides: int = 1, *, features: int = FEATURES, units: int = UNITS, scale: float = 0.6, seed: int = 0
):
    """W, R and B of a recurrent node."""
    rng, rows = np.random.default_rng(seed), GATES[op] * units
    shapes = {"W": (sides, rows, features), "R": (sides, rows, units), "B": (sides, 2 * rows)}
    return {name: rng.normal(0, scale, shape).astype(np.float32) for name, shape in shapes.items()}


@pytest.fixture
def layer() -> Callable[..., onnx.ModelProto]:
    """`layer(op, …)`: a model of one recurrent node, with all of its outputs."""

    def make(
        op: str,
        *,
        lengths: bool = False,
        initial: bool = False,
        peepholes: bool = False,
        scale: float = 0.6,
        **attrs: Any,
    ):
        sides = 2 if attrs.get("direction") == "bidirectional" else 1
        given, rng = weights_of(op, sides, scale=scale), np.random.default_rng(1)
        state = (sides, 1, UNITS)
        optional = {"lengths": lengths, "h": initial, "c": initial and op == "LSTM", "P": peepholes}
        if initial:
            given |= {
                n: np.repeat(rng.normal(0, 0.5, state), SAMPLES, 1).astype(np.float32) for n in "hc" if optional[n]
            }
        if peepholes:
            given["P"] = rng.normal(0, scale, (sides, 3 * UNITS)).astype(np.float32)
        inputs = ["x", "W", "R", "B", *(name if use else "" for name, use in optional.items())]
        outputs = ["y", "y_h", "y_c"][: 3 if op == "LSTM" else 2]
        inputs = inputs if op == "LSTM" else inputs[:6]
        node = helper.make_node(op, inputs, outputs, "layer", hidden_size=UNITS, **attrs)
        values = [helper.make_tensor_value_info("x", TensorProto.FLOAT, [STEPS, SAMPLES, FEATURES])]
        if lengths:
            values.append(helper.make_tensor_value_info("lengths", TensorProto.INT32, [SAMPLES]))
        shapes = [[STEPS, sides, SAMPLES, UNITS], [sides, SAMPLES, UNITS], [sides, SAMPLES, UNITS]]
        made = [helper.make_tensor_value_info(n, TensorProto.FLOAT, s) for n, s in zip(outputs, shapes, strict=False)]
        weights = [numpy_helper.from_array(value, name) for name, value in given.items()]
        graph = helper.make_graph([node], "layer", values, made, weights)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)
        onnx.checker.check_model(model, full_check=True)
        return model

    return make


@pytest.fixture
def network() -> Callable[..., onnx.ModelProto]:
    """`network(text, **weights)`: a model of onnx's text; a weight is its value or, a tuple, its shape."""

    def make(body: str, opset: int = 21, **weights: Any) -> onnx.ModelProto:
        rng = np.random.default_rng(3)
        model = parser.parse_model(f'<ir_version: 10, opset_import: ["": {opset}]>\n{body}')
        for name, given in weights.items():
            value = np.asarray(rng.normal(0, 0.6, given).astype(np.float32) if isinstance(given, tuple) else given)
            model.graph.initializer.append(numpy_helper.from_array(value, name))
        onnx.checker.check_model(model, full_check=True)
        return model

    return make


@pytest.fixture
def cosine() -> Callable[[Any, Any], float]:
    def of(a: Any, b: Any) -> float:
        a, b = (np.asarray(v, np.float64).ravel() for v in (a, b))
        return float(a @ b / np.sqrt((a @ a) * (b @ b)))

    return of


def named(prefix: str, given: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    return {f"{prefix}{name}": value for name, value in given.items()}


@pytest.fixture
def weights() -> Callable[..., dict[str, np.ndarray]]:
    """`weights(op, sides, prefix=…)`: W, R, B of a node."""

    def make(op: str, sides: int = 1, prefix: str = "", **options: Any) -> dict[str, np.ndarray]:
        return named(prefix, weights_of(op, sides, **options))

    return make
