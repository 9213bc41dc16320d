# SPDX-License-Identifier: Apache-2.0
"""Networks of six lines, and the comparison that every pass must satisfy."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from onnx import helper, numpy_helper, parser

from snncc.ir.graph import Graph
from snncc.passes.base import Pass

Shapes = Mapping[str, tuple[int, ...]]


@pytest.fixture
def build() -> Callable[[str, Shapes], onnx.ModelProto]:
    """`build(body, {weight: shape})`: a model of the body's text with seeded weights; 'var…' are positive."""

    def make(body: str, shapes: Shapes) -> onnx.ModelProto:
        rng = np.random.default_rng(1)
        model = parser.parse_model(f'<ir_version: 10, opset_import: ["": 21]>\n{body}')
        for name, shape in shapes.items():
            value = rng.normal(0.1, 0.7, shape)
            value = np.abs(value) + 0.1 if name.startswith("var") else value
            model.graph.initializer.append(numpy_helper.from_array(value.astype(np.float32), name))
        onnx.checker.check_model(model, full_check=True)
        return model

    return make


def outputs(model: onnx.ModelProto, batch: int) -> list[np.ndarray]:
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = 3
    session = ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    rng = np.random.default_rng(2)
    feeds = {}
    for value in model.graph.input:
        kind = value.type.tensor_type
        shape = [d.dim_value or batch for d in kind.shape.dim]
        feeds[value.name] = rng.normal(0, 1, shape).astype(helper.tensor_dtype_to_np_dtype(kind.elem_type))
    return session.run(None, feeds)


@pytest.fixture
def assert_equivalent() -> Callable[..., None]:
    """`assert_equivalent(before, after)`: the same outputs, onnxruntime's optimisations off, for batches 1 and 3."""

    def compare(before: onnx.ModelProto, after: onnx.ModelProto, *, rtol: float = 1e-5, atol: float = 1e-5) -> None:
        onnx.checker.check_model(after, full_check=True)
        assert [o.name for o in before.graph.output] == [o.name for o in after.graph.output]
        for batch in (1, 3):
            for a, b in zip(outputs(before, batch), outputs(after, batch), strict=True):
                assert a.shape == b.shape
                np.testing.assert_allclose(b, a, rtol=rtol, atol=atol * max(1.0, float(np.abs(a).max(initial=0))))

    return compare


@pytest.fixture
def apply(assert_equivalent: Callable[..., None]) -> Callable[..., tuple[int, onnx.ModelProto]]:
    """`apply(pass, model)`: (rewrites, result); checks equivalence, and that a second run has nothing to do."""

    def run(each: Pass, model: onnx.ModelProto, *, equivalent: bool = True) -> tuple[int, onnx.ModelProto]:
        graph = Graph.from_proto(model)
        graph.infer_shapes()
        each.requires(graph)
        count = each.run(graph)
        each.ensures(graph)
        graph.infer_shapes()
        after = graph.to_proto()
        if equivalent:
            assert_equivalent(model, after)
        assert each.run(graph) == 0
        return count, after

    return run


@pytest.fixture
def skips(caplog: pytest.LogCaptureFixture) -> Callable[[], str]:
    """The reasons that passes gave for leaving nodes alone."""
    caplog.set_level(logging.DEBUG, logger="snncc.passes")
    return lambda: "\n".join(r.getMessage() for r in caplog.records)


@pytest.fixture
def ops() -> Callable[[onnx.ModelProto], list[str]]:
    """The op types of a model, in order."""
    return lambda model: [n.op_type for n in model.graph.node]
