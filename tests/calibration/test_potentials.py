# SPDX-License-Identifier: Apache-2.0
"""Gains and offsets of potentials against hand-computed values, and the number of samples used for matching."""

from __future__ import annotations

import logging

import numpy as np
import pytest
from onnx import parser

import snncc
from snncc.calibration import potential_matching
from snncc.calibration.potential_matching import match_potentials
from snncc.coding import Coding
from snncc.coding.scales import PotentialCorrection
from snncc.execution.partial_run import PartialRun
from snncc.ir.graph import Graph
from snncc.passes.lower.lower_relu import LowerRelu

LINE = "a = MatMul (x, W) r = Relu (a) y = MatMul (r, W)"
_MODEL = parser.parse_model(
    '<ir_version: 8, opset_import: ["": 17]> g (float[N, 4] x) => (float[N, 4] y) '
    "<float[4] b = {0.5, -0.2, 0.1, 0.3}> { z = Add (x, b) y = Relu (z) }"
)
_BYTES = 4 * 4 * 4 * 8  # four layers at a time, of four float32 values, at eight time steps


def corrections(
    network, x: np.ndarray, coding: Coding, *, level: float = 1.0, body: str = LINE, batch: str | int = "N"
) -> dict[str, PotentialCorrection]:
    """Of all potentials, by tensor. The weights are the identity."""
    model = network(f"g (float[{batch}, 2] x) => (float[{batch}, 2] y) {{ {body} }}", W=np.eye(2))
    reference, spiking = Graph.from_proto(model), Graph.from_proto(model)
    for graph in (reference, spiking):
        graph.infer_shapes()
    LowerRelu(coding, {name: np.full(1, level) for name in "rs"}).run(spiking)
    return match_potentials(reference, spiking, {"x": x.astype(np.float32)}, coding)


@pytest.mark.parametrize(
    ("level", "lowest", "highest", "gain"), [(1.0, 0.4, 16.0, 2.0), (10.9, 9.0, 11.0, 0.5)], ids=["at most", "at least"]
)
def test_a_gain_is_at_most_2_and_at_least_a_half(network, level, lowest, highest, gain):
    """A single level of 1 is sent for nearly all values up to 16; one of 10.9 is sent for half of those near 10."""
    x = np.tile(np.linspace(lowest, highest, 40)[:, None], (1, 2))
    found = corrections(network, x, snncc.Phase(T=1, Q=1.2), level=level)["y"]
    assert found.gain.tolist() == [gain, gain]


def test_moments_are_those_of_all_samples_whatever_the_batches(network):
    """Neurons cut at 1 and round. 40 samples make batches of 32 and 8, whose values differ."""
    x = np.random.default_rng(0).uniform(0.1, 1.5, (40, 2)).astype(np.float32)
    x[32:] *= 0.5
    coding = snncc.Phase(T=8, Q=1.5)
    found = corrections(network, x, coding)["y"]
    sent = coding.code(x)
    gain = x.std(axis=0, dtype=np.float64) / sent.std(axis=0)
    np.testing.assert_allclose(found.gain, gain, rtol=1e-5)
    np.testing.assert_allclose(found.offset, x.mean(axis=0) / gain - sent.mean(axis=0), atol=1e-5)


def test_whatever_reads_a_potential_gets_it_corrected(network):
    """`b` is read by a neuron and by the output; neurons cut at 1, so that both are corrected."""
    x = np.random.default_rng(0).uniform(0.1, 1.5, (40, 2)).astype(np.float32)
    coding = snncc.Phase(T=8, Q=1.5)
    body = "a = MatMul (x, W) r = Relu (a) b = MatMul (r, W) s = Relu (b) c = MatMul (s, W) y = Add (c, b)"
    found = corrections(network, x, coding, body=body)
    b = found["b"].gain * (coding.code(x) + found["b"].offset)
    y = coding.code(np.maximum(b, 0).astype(np.float32)) + b
    assert (np.abs(found["b"].gain - 1) > 0.1).all()
    np.testing.assert_allclose(found["y"].gain, 2 * x.std(axis=0, dtype=np.float64) / y.std(axis=0), rtol=1e-3)


@pytest.mark.parametrize(("batch", "taken"), [("N", 35), (8, 32)])
def test_as_many_samples_as_memory_holds_are_taken(network, monkeypatch, batch, taken):
    """There is room for 35; batches of a fixed size are whole."""
    monkeypatch.setattr("snncc.calibration.potential_matching._HELD", 35 * 32)  # 4 layers of 2 neurons, 4 bytes each
    x = np.random.default_rng(0).uniform(0.1, 1.5, (40, 2)).astype(np.float32)
    coding = snncc.Phase(T=8, Q=1.5)
    found = corrections(network, x, coding, batch=batch)["y"]
    sent = coding.code(x[:taken])
    np.testing.assert_allclose(found.gain, x[:taken].std(axis=0, dtype=np.float64) / sent.std(axis=0), rtol=1e-5)


@pytest.mark.parametrize(
    ("samples", "held", "at_most", "matched"),
    [
        (1, 0, 1, True),
        (3, 2, 3, True),
        (3, 2, 2, False),
        (20, 2, 8, True),  # eight samples make a mean
        (20, 2, 7, False),
        (20, 20, 0, True),
    ],
)
def test_potentials_are_matched_where_enough_samples_fit(caplog, monkeypatch, samples, held, at_most, matched) -> None:
    monkeypatch.setattr(potential_matching, "_HELD", held * _BYTES)
    monkeypatch.setattr(potential_matching, "_HELD_AT_MOST", at_most * _BYTES)
    x = np.random.default_rng(0).normal(size=(samples, 4)).astype(np.float32)
    with caplog.at_level(logging.WARNING, "snncc"):
        snncc.convert(_MODEL, snncc.Rate(T=8), calibration=x)
    said = [r.message for r in caplog.records if "not matched" in r.message]
    assert bool(said) != matched
    assert all(f"8 time steps of {min(samples, 8)} samples take" in text for text in said)


def test_samples_in_unequal_batches_may_lie_on_any_axis(network):
    """Of 40 samples the last 8 form a smaller batch, here on axis 1, as where heads stand before samples."""
    body = "t = Transpose <perm = [1, 0]> (x) r = Relu (t) u = Transpose <perm = [1, 0]> (r) y = MatMul (u, W)"
    graph = Graph.from_proto(network(f"g (float[N, 2] x) => (float[N, 2] y) {{ {body} }}", W=np.eye(2)))
    x = np.random.default_rng(0).normal(0, 1, (40, 2)).astype(np.float32)
    piecewise = PartialRun(graph, {"x": x}, 32)
    piecewise.override("t", piecewise.values("t"))
    np.testing.assert_array_equal(np.concatenate(piecewise.values("y")), np.maximum(x, 0))
