# SPDX-License-Identifier: Apache-2.0
"""Calibration from noise: its log messages, and its use of BatchNormalization statistics and --input-range."""

from __future__ import annotations

import logging

import numpy as np
import onnx
import onnxruntime as ort
import pytest

import snncc
from snncc.calibration.synthetic_inputs import batch_statistics, coloured_noise, input_statistics
from snncc.frontend.import_model import import_model
from snncc.io.input_specs import InputSpec
from snncc.ir.metadata import metadata_of

CODING = snncc.Phase(T=16, Q=1.3)


def _spec(*shape: int | str) -> InputSpec:
    return InputSpec("x", shape, np.dtype(np.float32))


def test_says_so_in_one_line(cnn, caplog):
    with caplog.at_level(logging.WARNING):
        snn = snncc.convert(cnn, CODING)
    assert [(r.name, r.levelname) for r in caplog.records] == [("snncc", "WARNING")]
    message = caplog.records[0].getMessage()
    assert message == "no calibration data: scales come from 256 samples of coloured noise"
    assert metadata_of(snn)["snncc.calibration"]["origin"] == "noise"


def test_says_nothing_with_data(cnn, images, caplog):
    with caplog.at_level(logging.WARNING):
        snncc.convert(cnn, CODING, calibration=images)
    assert caplog.records == []


def test_warns_loudly_without_batch_normalization(network, caplog):
    model = network("g (float[N, 4] x) => (float[N, 5] y) { c = MatMul(x, W) y = Relu(c) }", W=(4, 5))
    with caplog.at_level(logging.WARNING):
        snncc.convert(model, CODING)
    loud, line = [r.getMessage() for r in caplog.records]
    assert loud.startswith("WARNING: this network has no BatchNormalization next to its input")
    assert "Give --input-range LO HI or, better, calibration data (--calib)" in loud
    assert line.endswith("samples of coloured noise within 0 … 1")


def test_an_input_range_is_kept_and_silences_the_warning(network, caplog):
    model = network("g (float[N, 4] x) => (float[N, 4] y) { y = Relu(x) }")
    with caplog.at_level(logging.WARNING):
        snns = [snncc.convert(model, CODING, normalize="none", input_range=r) for r in ((-2, 8), (0, 1))]
    assert [r.getMessage().partition("noise ")[2] for r in caplog.records] == ["within -2 … 8", "within 0 … 1"]
    wide, narrow = ({t.name: onnx.numpy_helper.to_array(t) for t in snn.graph.initializer} for snn in snns)
    assert wide.keys() == narrow.keys()
    encoder = next(n.input[1] for n in snns[0].graph.node if n.op_type == "PhaseNeuron")
    neuron = next(n.input[1] for n in snns[0].graph.node if n.op_type == "OneSpikeNeuron")
    assert (wide[encoder], narrow[encoder]) == (4.0, 0.5)  # binary levels sum to almost 2
    assert 4 < wide[neuron].max() <= 8
    assert 0.5 < narrow[neuron].max() <= 1


@pytest.mark.parametrize("shape", [("N", 3, 16, 16), ("N", 64), ("N", 2, 40), ("N", 16, 16, 3)])
def test_noise_is_standardised_and_coloured(shape):
    noise = coloured_noise(_spec(*shape), 64, np.random.default_rng(0))
    assert noise.shape == (64, *shape[1:])
    assert noise.dtype == np.float32
    assert abs(noise.mean()) < 1e-3
    assert noise.std() == pytest.approx(1, abs=0.02)
    axis = 2 if len(shape) > 2 and shape[1] <= 3 else 1
    neighbours = np.diff(noise, axis=axis).std()
    assert neighbours < 1.0  # white noise has the square root of two


def test_statistics_of_the_input_are_read_off_batch_normalization(network):
    """Statistics stored for noise of level 2 and deviation 3 give just these."""
    rng = np.random.default_rng(3)
    noise = coloured_noise(_spec("N", 2, 8, 8), 200, rng)
    body = """g (float[N, 2, 8, 8] x) => (float[N, 4, 6, 6] y) {
        c = Conv(x, W) n = BatchNormalization(c, one, zero, m, var) y = Relu(n) }"""
    probe = network(body, W=(4, 2, 3, 3), one=np.ones(4), zero=np.zeros(4), m=np.zeros(4), var=np.ones(4))
    kernel = onnx.numpy_helper.to_array(probe.graph.initializer[0])
    windows = np.lib.stride_tricks.sliding_window_view(2 + 3 * noise, (3, 3), axis=(2, 3))
    seen = np.einsum("ncijkl,ockl->noij", windows, kernel)
    moments = {"m": seen.mean(axis=(0, 2, 3)), "var": seen.var(axis=(0, 2, 3))}
    graph = import_model(network(body, W=kernel, one=np.ones(4), zero=np.zeros(4), **moments))
    level, deviation = input_statistics(graph, {"x": noise})
    assert level == pytest.approx(2, abs=0.3)
    assert deviation == pytest.approx(3, rel=0.05)


def test_no_statistics_behind_a_relu(network):
    body = """g (float[N, 4] x) => (float[N, 5] y) {
        c = MatMul(x, W) r = Relu(c) n = BatchNormalization(r, g, h, m, var) y = Relu(n) }"""
    graph = import_model(network(body, W=(4, 5), g=(5,), h=(5,), m=(5,), var=(5,)))
    assert input_statistics(graph, {"x": np.zeros((8, 4), np.float32)}) is None


def test_statistics_of_the_batch_take_the_place_of_stored_ones(cnn, images):
    graph = import_model(cnn)
    model = batch_statistics(graph).to_proto()
    assert "BatchNormalization" not in {n.op_type for n in model.graph.node}
    assert "BatchNormalization" in {n.op for n in graph.nodes()}
    model.graph.output.append(onnx.ValueInfoProto(name="r"))
    session = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    weights = {t.name: onnx.numpy_helper.to_array(t) for t in cnn.graph.initializer}
    windows = np.lib.stride_tricks.sliding_window_view(images, (3, 3), axis=(2, 3))
    c = np.einsum("ncijkl,ockl->noij", windows, weights["W"])
    mean, variance = (f(c, axis=(0, 2, 3), keepdims=True) for f in (np.mean, np.var))
    gamma, beta = (weights[k].reshape(1, -1, 1, 1) for k in "gh")
    expected = np.maximum((c - mean) / np.sqrt(variance + 1e-5) * gamma + beta, 0)
    np.testing.assert_allclose(session.run(["r"], {"x": images})[0], expected, atol=1e-4)
