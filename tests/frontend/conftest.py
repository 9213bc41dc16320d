# SPDX-License-Identifier: Apache-2.0
"""Small networks in the forms that various exporters write, and the tolerance of their conversions."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from onnx import helper, numpy_helper, parser

import snncc

ROOT = Path(__file__).resolve().parents[2]
FINE = snncc.Phase(T=120, Q=1.06)  # 3 % a spike at most, 1e-3 of the scale at least: what differs more is a fault


def network(body: str, *, opset: int = 21, ir: int = 10, domains: str = "", **weights: object) -> onnx.ModelProto:
    """A model of the body's text; a weight is given by its value or, a tuple, by its shape."""
    rng = np.random.default_rng(1)
    model = parser.parse_model(f'<ir_version: {ir}, opset_import: ["": {opset}{domains}]>\n{body}')
    for name, given in weights.items():
        value = np.asarray(rng.normal(0.1, 0.7, given).astype(np.float32) if isinstance(given, tuple) else given)
        value = np.abs(value) + np.float32(0.1) if name.startswith("var") else value
        model.graph.initializer.append(numpy_helper.from_array(value, name))
    return model


def outputs(model: onnx.ModelProto, batch: int = 3) -> list[np.ndarray]:
    """What plain onnxruntime gives for seeded inputs."""
    options = ort.SessionOptions()
    options.log_severity_level = 4
    session = ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    rng = np.random.default_rng(2)
    weights = {t.name for t in model.graph.initializer}
    feeds = {}
    for value in model.graph.input:
        if value.name not in weights:
            kind = value.type.tensor_type
            shape = [d.dim_value or batch for d in kind.shape.dim]
            feeds[value.name] = rng.uniform(0, 1, shape).astype(helper.tensor_dtype_to_np_dtype(kind.elem_type))
    return session.run(None, feeds)


@pytest.fixture(name="network")
def network_fixture() -> Callable[..., onnx.ModelProto]:
    return network


@pytest.fixture
def convert_and_compare() -> Callable[..., onnx.ModelProto]:
    """`convert_and_compare(model, source=None)`: the SNN, whose outputs are the source's up to a fine code's error."""

    def run(
        model: onnx.ModelProto | Path, source: onnx.ModelProto | None = None, *, batch: int = 3, most: float = 0.05
    ) -> onnx.ModelProto:
        source = source or (model if isinstance(model, onnx.ModelProto) else onnx.load(model))
        snn = snncc.convert(model, FINE, normalize="layer", input_range=(0, 1))
        expected, found = outputs(source, batch), outputs(snn, batch)
        assert [o.name for o in snn.graph.output] == [o.name for o in source.graph.output]
        for a, b in zip(expected, found, strict=True):
            assert a.shape == b.shape
            assert a.dtype == b.dtype
            assert np.abs(b.astype(np.float64) - a).max() <= most * np.abs(a).max()
        return snn

    return run
