# SPDX-License-Identifier: Apache-2.0
"""Kernels in an onnxruntime session: shapes, memory, threads and errors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
import pytest

from snncc import ops
from snncc.errors import ModelError
from snncc.runtime import create_session
from snncc.runtime.native import Neuron

ModelBuilder = Callable[..., onnx.ModelProto]
NAMES = ("OneSpikeNeuron", "ResidualOneSpikeNeuron", "PhaseNeuron")
MULTI = {"last_thresholds": [0.75, 0.25], "max_spikes": 2, "signed": 0}


def extra(name: str) -> dict[str, Any]:
    return dict(MULTI) if name == "PhaseNeuron" else {}


@pytest.mark.parametrize("dtype", ["float32", "float16", "float64"])
@pytest.mark.parametrize("name", NAMES)
def test_inferred_shapes(neuron_model: ModelBuilder, name: str, dtype: str) -> None:
    session = create_session(neuron_model(name, ("N", 3, "H", 5), dtype=dtype, **extra(name)), device="cpu")
    shaped = None if tuple(map(int, ort.__version__.split(".")[:2])) >= (1, 28) else 1  # see test_shapes_and_threads.py
    assert [output.shape for output in session.get_outputs()][:shaped] == ([["N", 3, "H", 5]] * 2)[:shaped]
    kinds = {"float32": "tensor(float)", "float16": "tensor(float16)", "float64": "tensor(double)"}
    assert [output.type for output in session.get_outputs()] == [kinds[dtype], "tensor(int32)"]


def test_unknown_rank_stays_unknown(neuron_model: ModelBuilder, capfd: pytest.CaptureFixture[str]) -> None:
    session = create_session(neuron_model(shape=None), device="cpu")
    x = np.float32([[[0.8]], [[0.1]]])
    y, count = session.run(None, {"X": x, "scale": np.float32([1])})
    assert y.shape == count.shape == x.shape
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("outputs", [["Y"], ["Y", ""], ["Y", "count"]])
def test_count_is_optional(neuron_model: ModelBuilder, outputs: list[str]) -> None:
    model = neuron_model()
    del model.graph.node[0].output[:]
    model.graph.node[0].output.extend(outputs)
    if "count" not in outputs:
        model.graph.output.pop()
    feeds = {"X": np.float32([[0.8, 0.3, 0, -1]]), "scale": np.float32([1])}
    results = create_session(model, device="cpu").run(None, feeds)
    assert len(results) == len([name for name in outputs if name])
    np.testing.assert_array_equal(results[0], np.float32([[1, 0.5, 0, 0]]))


def test_chain_that_onnxruntime_computes_in_place() -> None:
    neurons = [f"x{i + 1} = ai.snncc.OneSpikeNeuron <levels = [1.0], thresholds = [0.5]> (x{i}, one)" for i in range(8)]
    body = "\n".join(["x0 = Relu (X)", *neurons, "Y = Neg (x8)"])
    text = f"""<ir_version: 10, opset_import: ["": 20, "ai.snncc": 1]>
    chain (float[N] X, float[1] one) => (float[N] Y) {{ {body} }}"""
    session = create_session(onnx.parser.parse_model(text), device="cpu")
    x = np.linspace(-1, 1, 300_001, dtype=np.float32)
    np.testing.assert_array_equal(session.run(None, {"X": x, "one": np.float32([1])})[0], -np.float32(x >= 0.5))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_threads_change_nothing(neuron_model: ModelBuilder, name: str, dtype: str) -> None:
    rng = np.random.default_rng(5)
    shape = (3, 7, 113, 131)
    drawn = {"X": rng.normal(0, 1, shape).astype(dtype), "residual": rng.normal(0, 1, shape).astype(dtype)}
    drawn |= {"scale": np.float32(rng.uniform(1, 2, (7, 1, 1))), "weight": np.float32(rng.uniform(1, 2, (7, 1, 1)))}
    feeds = {parameter.name: drawn[parameter.name] for parameter in ops.get(name).inputs}
    model = neuron_model(name, shape, (7, 1, 1), dtype, **extra(name))
    results = []
    for threads in (1, 2, 3):
        options = ort.SessionOptions()
        options.intra_op_num_threads = threads
        results.append(create_session(model, device="cpu", options=options).run(None, feeds))
    attributes = {"levels": [1.0, 0.5], "thresholds": [0.75, 0.25], **extra(name)}
    expected = ops.get(name).reference(list(feeds.values()), attributes)
    for result in results:
        for one, other in zip(result, expected, strict=True):
            np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize(
    ("name", "attributes", "message"),
    [
        ("OneSpikeNeuron", {"levels": [1.0]}, "'thresholds' has 2 entries, 'levels' has 1"),
        ("OneSpikeNeuron", {"thresholds": [0.25, 0.75]}, "'thresholds' rises at phase 1"),
        ("OneSpikeNeuron", {"thresholds": [0.25, 0.0]}, "'thresholds' has 0.0.* at phase 1.*positive and finite"),
        ("OneSpikeNeuron", {"thresholds": [float("inf"), 1.0]}, "'thresholds' has inf at phase 0"),
        ("ResidualOneSpikeNeuron", {"levels": [1.0, float("nan")]}, "'levels' has nan at phase 1"),
        ("PhaseNeuron", MULTI | {"max_spikes": 0}, "'max_spikes' is 0; it must be at least 1"),
        ("PhaseNeuron", MULTI | {"signed": 2}, "'signed' is 2; it must be 0 or 1"),
        ("PhaseNeuron", MULTI | {"last_thresholds": [1.0]}, "'last_thresholds' has 1 entries"),
    ],
)
def test_bad_attributes(neuron_model: ModelBuilder, name: str, attributes: dict[str, Any], message: str) -> None:
    with pytest.raises(ModelError, match=rf"{name} 'the_node': attribute {message}"):
        create_session(neuron_model(name, **attributes), device="cpu")


def test_empty_tables() -> None:
    x = np.zeros(3, np.float32)
    with pytest.raises(ValueError, match="'levels' is empty"):
        Neuron("OneSpikeNeuron", [x, np.float32([1])], {"levels": [], "thresholds": []}, [np.empty_like(x)])


@pytest.mark.parametrize("scale_shape", [(2, 3, 1), (3, 3), (4,), (1, 1, 1, 1, 1), (5, 1, 1, 1)])
def test_scale_that_does_not_fit(neuron_model: ModelBuilder, scale_shape: tuple[int, ...]) -> None:
    session = create_session(neuron_model(shape=("N", 2, 3, 3), parameter_shape=scale_shape), device="cpu")
    feeds = {"X": np.zeros((1, 2, 3, 3), np.float32), "scale": np.ones(scale_shape, np.float32)}
    message = (
        r"OneSpikeNeuron 'the_node': scale has shape .* does not fit X's shape \[1, 2, 3, 3\]; give it one element"
    )
    if scale_shape == (1, 1, 1, 1, 1):
        message = "does not fit"
    with pytest.raises(Exception, match=message):
        session.run(None, feeds)


def test_residual_of_another_shape(neuron_model: ModelBuilder) -> None:
    session = create_session(neuron_model("ResidualOneSpikeNeuron", ("N", "M")), device="cpu")
    one = np.float32([1])
    feeds = {"X": np.zeros((2, 3), np.float32), "residual": np.zeros((1, 3), np.float32), "scale": one, "weight": one}
    with pytest.raises(Exception, match=r"ResidualOneSpikeNeuron 'the_node': the residual's shape"):
        session.run(None, feeds)
