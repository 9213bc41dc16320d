# SPDX-License-Identifier: Apache-2.0
"""A tiny network with a pool, strides, groups, uneven pads and a residual sum, its conversion, and data for both.

A second one with a max pool before a ReLU, and a simulation of what runs over time, step by step.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper, parser
from onnx.reference import ReferenceEvaluator

import snncc
from snncc import ops

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


POOLED = """<ir_version: 10, opset_import: ["": 21]>
pooled (float[N,2,6,6] x) => (float[N,7] y)
{
    c1 = Conv <pads=[1,1,1,1]> (x, w1, b1)
    p1 = MaxPool <kernel_shape=[2,2], strides=[2,2]> (c1)
    r1 = Relu (p1)
    c2 = Conv <pads=[1,0,1,1], strides=[1,1]> (r1, w2)
    r2 = Relu (c2)
    c3 = Conv (r2, w3)
    s = Add (c3, r2)
    r3 = Relu (s)
    f = Flatten (r3)
    y = Gemm (f, w4)
}"""
POOLED_WEIGHTS = {"w1": (3, 2, 3, 3), "b1": (3,), "w2": (4, 3, 3, 2), "w3": (4, 4, 1, 1), "w4": (36, 7)}


@pytest.fixture(scope="session")
def pooled_ann() -> onnx.ModelProto:
    rng = np.random.default_rng(7)
    model = parser.parse_model(POOLED)
    for name, shape in POOLED_WEIGHTS.items():
        value = rng.normal(0, 1.2 / np.sqrt(max(np.prod(shape[1:]), 4)), shape).astype(np.float32)
        model.graph.initializer.append(numpy_helper.from_array(value, name))
    for index, node in enumerate(model.graph.node):
        node.name = f"{node.op_type.lower()}_{index}"
    return model


@pytest.fixture(scope="session")
def pooled_images() -> np.ndarray:
    return np.random.default_rng(8).normal(0.3, 1, (5, 2, 6, 6)).astype(np.float32)


class Stepwise:
    """A folded model over time, run step by step: one time step of all nodes, then the next.

    `counts` are the spikes of each neuron's output, and those that each Increase lets pass, [T, N, …].
    """

    def __init__(self, model: onnx.ModelProto, images: np.ndarray) -> None:
        self._values: dict[str, Any] = {t.name: numpy_helper.to_array(t) for t in model.graph.initializer}
        self._states: dict[tuple[str, str], Any] = {}
        seen: dict[str, list[np.ndarray]] = {}
        steps = next(a.i for n in model.graph.node for a in n.attribute if a.name == "steps")
        for t in range(steps):
            values = {**self._values, "x": images}
            for node in model.graph.node:
                if node.op_type == "Tile":
                    values[node.output[0]] = values[node.input[0]]
                elif node.domain == "ai.snncc":
                    count = self._over_time(node, values, t)
                    if count is not None:
                        seen.setdefault(node.output[0], []).append(count)
                else:
                    values[node.output[0]] = plain(node, values)
            self.output = values["y"]
        self.counts = {name: np.stack(counts) for name, counts in seen.items()}

    def _over_time(self, node: onnx.NodeProto, values: dict[str, Any], t: int) -> np.ndarray | None:
        op = ops.get(node.op_type)
        attributes = {a.name: helper.get_attribute_value(a) for a in node.attribute} | {"steps": 1}
        inputs = []
        for parameter, name in zip(op.inputs, node.input, strict=True):
            now = self._states.get((node.name, parameter.name), values[name])
            inputs.append(np.array([t]) if parameter.name == "step" else now)
        found = dict(zip((p.name for p in op.outputs), op.reference(inputs, attributes), strict=False))
        self._states |= {(node.name, before): found[after] for before, after in op.states.items()}
        values[node.output[0]] = found["Y"]
        return (found["Y"] != 0).astype(int) if node.op_type == "Increase" else found.get("count")


def plain(node: onnx.NodeProto, values: dict[str, Any]) -> np.ndarray:
    """A node of a standard op, by onnx's own reference."""
    inputs = [
        helper.make_tensor_value_info(n, helper.np_dtype_to_tensor_dtype(values[n].dtype), None) for n in node.input
    ]
    graph = helper.make_graph([node], "one", inputs, [onnx.ValueInfoProto(name=node.output[0])])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)])
    return ReferenceEvaluator(model).run(None, {n: values[n] for n in node.input})[0]


@pytest.fixture(scope="session")
def stepwise() -> Callable[[onnx.ModelProto, np.ndarray], Stepwise]:
    return Stepwise
