# SPDX-License-Identifier: Apache-2.0
"""Converted networks in onnxruntime-web, with function bodies only. `pytest -m slow -s` prints times."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from onnx import helper

from snncc import ops
from snncc.ir.metadata import metadata_of
from snncc.ops.registry import OpDef

pytestmark = pytest.mark.slow

CORPUS = Path(__file__).parents[1] / "corpus"

Web = Callable[[dict[str, Any]], dict[str, Any]]


def native(model: onnx.ModelProto, feeds: dict[str, np.ndarray]) -> list[np.ndarray]:
    """The outputs in onnxruntime, from the bodies."""
    session = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return list(session.run(None, feeds))


def assert_same_classes(web: Web, models: dict[str, onnx.ModelProto], images: np.ndarray) -> None:
    cases = {name: (model, {model.graph.input[0].name: images}) for name, model in models.items()}
    results = web(cases)
    for name, case in cases.items():
        (outputs,) = results[name].outputs.values()
        expected = native(*case)[0]
        off = np.abs(outputs - expected).max()
        print(
            f"\n{name}: {results[name].milliseconds / len(images):.2f} ms per image, outputs off by {off:.2g}", end=""
        )
        np.testing.assert_array_equal(outputs.argmax(1), expected.argmax(1), err_msg=name)


def test_digits(web, spiking_digits, digits):
    assert_same_classes(web, spiking_digits, digits.test_images[:100])


def test_resnet20(web, spiking_resnet20, cifar10):
    assert_same_classes(web, spiking_resnet20, cifar10)


def example(op: OpDef) -> tuple[onnx.ModelProto, dict[str, np.ndarray], list[np.ndarray]]:
    """A model of one node, its inputs, and the outputs that its reference gives."""
    inputs, attributes = op.examples(np.random.default_rng(7))
    expected = op.reference(inputs, attributes)
    value, kind = helper.make_tensor_value_info, helper.np_dtype_to_tensor_dtype
    given = {p.name: np.asarray(array) for p, array in zip(op.inputs, inputs, strict=True)}
    results = {p.name: np.asarray(array) for p, array in zip(op.outputs, expected, strict=True)}
    node = helper.make_node(op.name, list(given), list(results), domain=ops.DOMAIN, **attributes)
    infos = [[value(n, kind(a.dtype), a.shape) for n, a in arrays.items()] for arrays in (given, results)]
    opsets = [helper.make_opsetid("", 21), helper.make_opsetid(ops.DOMAIN, ops.OPSET)]
    body = op.function(op.length(attributes), 21)
    graph = helper.make_graph([node], op.name, *infos)
    return helper.make_model(graph, opset_imports=opsets, ir_version=10, functions=[body]), given, list(expected)


def test_every_op(web):
    """To the last bit: no sums of many terms in them."""
    examples = {op.name: example(op) for op in ops.all_ops()}
    results = web({name: (model, inputs) for name, (model, inputs, _) in examples.items()})
    for name, (_, _, expected) in examples.items():
        for found, wanted in zip(results[name].outputs.values(), expected, strict=True):
            np.testing.assert_array_equal(found, wanted.astype(np.float64), err_msg=name)


def test_every_form(web):
    """The corpus of converted models; of a single time step, the first one."""
    cases = {}
    for path in sorted(CORPUS.glob("*/*.onnx")):
        with np.load(path.with_suffix(".npz")) as file:
            x = file["x"]
        if x.dtype == np.float16:  # JavaScript has no arrays of these
            continue
        model = onnx.load(path)
        states = metadata_of(model)["snncc.form"].get("states", [])
        feeds = {model.graph.input[0].name: x}
        for state in states:
            shape = [len(x) if isinstance(size, str) else size for size in state["shape"] or [1]]
            feeds[state["input"]] = np.full(shape, state["initial"], state["dtype"])
        cases[f"{path.parent.name}/{path.stem}"] = (model, feeds)
    assert cases
    results = web(cases)
    for name, case in cases.items():
        for found, wanted in zip(results[name].outputs.values(), native(*case), strict=True):
            np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-5, err_msg=name)
