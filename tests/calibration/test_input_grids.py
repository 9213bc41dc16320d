# SPDX-License-Identifier: Apache-2.0
"""Inputs whose data lie on a grid are coded exactly, in as many phases as the data has bits."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

import snncc
from snncc.calibration.input_grids import find_grid
from snncc.evaluation.evaluate import evaluate
from snncc.ir.metadata import metadata_of
from snncc.tools.check.run import run_checks

RNG = np.random.default_rng(3)
PIXELS = RNG.integers(0, 256, (40, 3, 12, 12)).astype(np.uint8)
PIXELS[0, :, 0, :2] = [0, 255]
MEAN = np.float32([0.485, 0.456, 0.406]).reshape(3, 1, 1)
STD = np.float32([0.229, 0.224, 0.225]).reshape(3, 1, 1)
FLOAT = PIXELS.astype(np.float32)

KINDS = {
    "raw": (FLOAT, 8),
    "unit": (FLOAT / 255, 8),
    "mean and deviation": ((FLOAT / 255 - MEAN) / STD, 8),
    "other order": (FLOAT * (1 / (255 * STD)) - MEAN / STD, 8),
    "channels last": (((FLOAT / 255 - MEAN) / STD).transpose(0, 2, 3, 1), 8),
    "four bits": ((FLOAT // 16) / 15, 4),
    "black and white": ((FLOAT > 200).astype(np.float32), 1),
}


def network(shape: tuple[int | str, ...] = ("N", 3, 12, 12), kind: int = onnx.TensorProto.FLOAT) -> onnx.ModelProto:
    """A convolution with padding, a ReLU and a linear layer, behind preprocessing if the input is uint8."""
    rng = np.random.default_rng(5)
    weights = {
        "w": rng.normal(0, 0.3, (4, 3, 3, 3)),
        "b": rng.normal(0, 0.1, 4),
        "v": rng.normal(0, 0.3, (4, 5)),
        "unit": np.float64(1 / 255),
    }
    nodes = [
        helper.make_node("Conv", ["input", "w", "b"], ["c"], name="conv", pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["c"], ["r"], name="relu"),
        helper.make_node("GlobalAveragePool", ["r"], ["p"], name="pool"),
        helper.make_node("Flatten", ["p"], ["f"], name="flatten"),
        helper.make_node("MatMul", ["f", "v"], ["y"], name="head"),
    ]
    if kind == onnx.TensorProto.UINT8:
        nodes[0].input[0] = "x"
        nodes.insert(0, helper.make_node("Mul", ["float", "unit"], ["x"], name="to_unit"))
        nodes.insert(0, helper.make_node("Cast", ["input"], ["float"], name="cast", to=onnx.TensorProto.FLOAT))
    graph = helper.make_graph(
        nodes,
        "small",
        [helper.make_tensor_value_info("input", kind, shape)],
        [helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, ["N", 5])],
        [numpy_helper.from_array(v.astype(np.float32), name) for name, v in weights.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def outputs(model: onnx.ModelProto, values: np.ndarray) -> np.ndarray:
    return snncc.runtime.create_session(model, device="cpu").run(None, {"input": values})[0]


def encoder(model: onnx.ModelProto) -> dict:
    node = next(n for n in model.graph.node if n.op_type in ("PhaseNeuron", "PhaseEncoder"))
    return {a.name: helper.get_attribute_value(a) for a in node.attribute}


@pytest.mark.parametrize("kind", KINDS)
def test_a_grid_is_found_and_its_values_are_coded_exactly(kind):
    values, bits = KINDS[kind]
    grid = find_grid(values)
    assert grid.bits == bits
    k = (values - grid.offset) / grid.step
    np.testing.assert_allclose(k, np.rint(k), atol=1e-3)
    assert np.abs(np.rint(k)).max() < 2**bits


def test_a_constant_channel_has_the_steps_of_the_others():
    values = KINDS["mean and deviation"][0].copy()
    values[:, 1] = 0.25
    assert find_grid(values).bits == 8


def test_values_without_a_grid():
    assert find_grid(RNG.normal(size=(40, 3, 12, 12)).astype(np.float32)) is None
    assert find_grid(FLOAT[:1, :, :4, :4]) is None  # too few values
    assert find_grid(PIXELS) is None  # no activations
    assert find_grid(FLOAT * 2.0 + (FLOAT > 7) * 0.3) is None
    assert find_grid(np.where(FLOAT == 9, np.nan, FLOAT)) is None


@pytest.mark.parametrize("kind", ["raw", "unit", "mean and deviation", "black and white"])
@pytest.mark.parametrize("options", [{}, {"wait": 9}, {"wait": 3}, {"spikes": 3}, {"T": 6}], ids=str)
def test_outputs_are_those_with_analog_input(kind, options):
    values, bits = KINDS[kind]
    coding = {"T": 12, "Q": 1.4, **options}
    model = network()
    snn = snncc.convert(model, snncc.Phase(**coding), calibration=values)
    if "wait" not in options:
        analog = snncc.convert(model, snncc.Phase(**coding, input="analog"), calibration=values)
        np.testing.assert_allclose(outputs(snn, values), outputs(analog, values), rtol=1e-4, atol=1e-4)
    assert encoder(snn)["max_spikes"] == bits
    assert metadata_of(snn)["snncc.calibration"]["input_bits"] == {"input": bits}
    assert [str(r) for r in run_checks(snn, model, values) if not r.passed] == []


@pytest.mark.parametrize("wait", [None, 9, 3])
def test_the_forms_agree(wait):
    values, _ = KINDS["mean and deviation"]
    coding = snncc.Phase(T=12, Q=1.4, wait=wait)
    folded, loop = (snncc.convert(network(), coding, calibration=values, form=f) for f in ("folded", "loop"))
    np.testing.assert_allclose(outputs(folded, values), outputs(loop, values), rtol=1e-5, atol=1e-5)
    latency = evaluate(folded, network(), values).latency_steps
    assert metadata_of(loop)["snncc.form"]["steps"] == latency - 1  # a layer starts in the last step of its input


def test_latency_counts_the_phases_of_the_input():
    values, _ = KINDS["unit"]
    found = evaluate(snncc.convert(network(), snncc.Phase(T=12, Q=1.4), calibration=values), network(), values)
    assert found.latency_steps == 8 + 12


def test_values_outside_the_grid_are_rounded_to_it_or_clipped():
    values, _ = KINDS["four bits"]
    snn = snncc.convert(network(), snncc.Phase(T=12, Q=1.4), calibration=values)
    off = values + np.float32(0.02)
    np.testing.assert_allclose(outputs(snn, off), outputs(snn, values), rtol=1e-5)
    assert np.isfinite(outputs(snn, values * 100)).all()


def test_without_a_grid_the_input_is_coded_in_all_phases():
    values = RNG.normal(size=(40, 3, 12, 12)).astype(np.float32)
    for data in ({"calibration": values}, {"input_range": (-2, 2)}):
        snn = snncc.convert(network(), snncc.Phase(T=12, Q=1.4), **data)
        assert encoder(snn)["max_spikes"] == 12
        assert "input_bits" not in metadata_of(snn)["snncc.calibration"]


def test_uint8_input_with_preprocessing_in_the_network():
    model = network(kind=onnx.TensorProto.UINT8)
    snn, analog = (
        snncc.convert(model, snncc.Phase(T=12, Q=1.4, input=kind), calibration=PIXELS) for kind in ("binary", "analog")
    )
    assert encoder(snn)["max_spikes"] == 8
    np.testing.assert_allclose(outputs(snn, PIXELS), outputs(analog, PIXELS), rtol=1e-4, atol=1e-4)


def test_spikes_are_the_binary_digits():
    values, _ = KINDS["raw"]
    snn = snncc.convert(network(), snncc.Phase(T=12, Q=1.4), calibration=values)
    grid = find_grid(values)
    digits = np.vectorize(lambda n: int(n).bit_count())(np.abs(np.rint((values - grid.offset) / grid.step)))
    assert evaluate(snn, network(), values).input_spikes_per_value == pytest.approx(digits.mean(), rel=1e-6)
