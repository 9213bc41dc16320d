# SPDX-License-Identifier: Apache-2.0
"""The figures' data, against independent counts."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import onnx
import pytest

import snncc
from snncc.analysis.network_view import Network
from snncc.coding.from_metadata import recorded_coding
from snncc.coding.fs_tables.tables import table
from snncc.evaluation.evaluate import pair
from snncc.evaluation.latency import steps_of
from snncc.execution.folded_form import to_folded
from snncc.models import digits_network
from snncc.runtime import create_session
from snncc.tools.report.coding_curves import code_of, levels
from snncc.tools.report.figures import (
    activations,
    coding_error,
    curves,
    energy,
    firing_rates,
    inactivated_spikes,
    pipeline_schedule,
    rasters,
    reconstruction,
)
from snncc.tools.report.layer_values import layer_values
from snncc.tools.report.membrane_traces import membranes
from snncc.tools.report.sampled_values import Drawn


@pytest.fixture(scope="module")
def values(reported):
    snn, ann = pair(reported.snn, reported.ann)
    return layer_values(snn, ann, [{"input": reported.data["input"]}], "cpu", cut=True)


def test_values_are_the_activations(reported, values):
    """Fewer than are drawn at most: none is left out."""
    ann = onnx.load_from_string(reported.ann)
    ann.graph.output.append(onnx.ValueInfoProto(name=next(n.output[0] for n in ann.graph.node if n.op_type == "Relu")))
    expected = create_session(ann).run(None, {"input": reported.data["input"]})[-1]
    stem = next(x for x in values[0] if x.title == "stem.relu")
    np.testing.assert_allclose(np.sort(stem.true), np.sort(expected.ravel()), atol=1e-5)
    channel = expected[:, 3]
    np.testing.assert_allclose(np.sort(stem.true[stem.channel == 3]), np.sort(channel.ravel()), atol=1e-5)
    debugged = snncc.debug_layers(reported.snn, reported.ann, reported.data["input"])
    same = next(x for x in debugged.layers if x.replaces == "stem.relu")
    noise = np.sum((stem.coded - stem.true) ** 2)
    assert 10 * np.log10(np.sum(stem.true**2) / noise) == pytest.approx(same.snr, rel=1e-3)


def test_what_is_coded_are_levels(reported, values):
    """With exact inputs before it, the first layer of a value in one piece sends a level of the code."""
    coding = recorded_coding(reported.snn)
    if coding.name in ("rate", "msat"):
        pytest.skip("over time a layer's input is not constant")
    stem = next(x for x in values[0] if x.title == "stem.relu")
    sent, known = stem.coded / stem.unit, levels(stem.code)
    distance = np.abs(sent[:, None] - known[None]).min(axis=1)
    assert distance.max() < 1e-4


def test_distribution_counts_each_channel(values):
    layer = next(x for x in values[0] if x.title == "block.relu")
    for octaves in (False, True):
        found = activations.distribution(layer, octaves=octaves)
        scaled = layer.true / layer.unit
        positive = scaled[scaled > 0]
        assert found.silent == pytest.approx(1 - positive.size / scaled.size)
        edges = 2.0**found.edges if octaves else found.edges
        by_hand = [((positive >= a) & (positive < b)).mean() for a, b in pairwise(edges)]
        np.testing.assert_allclose(found.share[1:-1], by_hand[1:-1], atol=1e-9)
        row = scaled[(layer.channel == found.channels[2]) & (scaled > 0)]
        by_hand = [((row >= a) & (row < b)).mean() for a, b in pairwise(edges)]
        np.testing.assert_allclose(found.by_channel[2][1:-1], by_hand[1:-1], atol=1e-9)
        assert found.share.sum() == pytest.approx(1)


def test_pairs_are_counted():
    true, sent = np.array([0, 0, 1, 2, 2, 4.0]), np.array([0, 1, 1, 2, 2.01, 4])
    found = reconstruction.pairs(true, sent)
    assert found.counts.sum() == 5  # both 0: left out
    at = np.searchsorted(found.edges, 2.0, side="right") - 1
    assert found.counts[at, at] == 2


def test_error_against_the_parameter(values):
    rng = np.random.default_rng(0)
    layers = [rng.random(500), np.abs(rng.normal(0, 0.3, 500)), np.zeros(5)]
    phase = snncc.Phase(T=16, Q=1.3)
    found = coding_error.errors(layers, phase)
    assert found.parameter == "Q"
    assert set(found.lines) == {"T=16", "T=24"}
    by_hand = []
    for layer in layers[:2]:
        ratio = [abs(float(phase.code(np.array([a]))[0]) - a) / a for a in layer if a > 0]
        by_hand.append(np.mean(ratio))
    at = np.flatnonzero(found.x == 1.3)[0]
    assert found.lines["T=16"][at] == pytest.approx(100 * np.mean(by_hand))
    assert coding_error.errors(layers, snncc.FS(K=6)).parameter == "K"
    waiting = coding_error.errors(layers, snncc.Rate(T=20, wait=20))
    assert waiting.parameter == "T"
    assert 20 in waiting.x
    assert np.all(np.diff(waiting.lines[""]) < 0)


def test_energy_and_spikes_are_those_of_evaluate(reported):
    found = snncc.evaluate(reported.snn, reported.ann, reported.data, phases=True)
    told = energy.totals(found)
    json = found.to_json()["energy"]["float32"]
    assert told["ANN"] == pytest.approx(json["ann_nj"])
    assert told["SNN"] == pytest.approx(json["snn_nj"])
    assert told["SNN, memory, no reuse"] == pytest.approx(json["with_memory"]["no_reuse"]["snn_nj"])
    names, steps = firing_rates.over_time(list(found.layers))
    trains, _ = snncc.spike_trains(reported.snn, reported.data["input"])
    fired = {t.name: t.spikes().reshape(t.shape[0], t.shape[1], -1).mean(axis=(1, 2)) for t in trains.layers}
    assert names == [x.name for x in found.layers if not x.encoder]
    near = 1e-9 if found.sin else 1e-3  # sums in another order move single spikes by a phase
    for name, row in zip(names, steps, strict=True):
        np.testing.assert_allclose(row, fired[name], rtol=0, atol=near)
    if found.sin:
        which, percent = inactivated_spikes.ratios(found.sin)
        assert [x["name"] for x in found.sin.to_json()["layers"]] == which
        assert percent[0].tolist() == pytest.approx(
            [100 * r for r in found.sin.to_json()["layers"][0]["ratio_per_step"]]
        )


def test_potentials_cross_thresholds_where_neurons_fire(reported):
    """Each op's own rule: what is left of the potential tells whether the neuron fires."""
    sample = {"input": reported.data["input"][:1]}
    recorded, _ = snncc.spike_trains(reported.snn, sample)
    trains = {t.name: t for t in recorded.layers}
    found = membranes(reported.snn, sample, trains, "cpu")
    assert set(found) == set(trains)
    for name, train in trains.items():
        fired, left = train.spikes()[:, 0], found[name]
        assert left.shape == fired.shape
        if train.op in ("IFNeuron", "SignedIFNeuron", "RoundingIFNeuron"):
            assert left[~fired].max(initial=-np.inf) < 1 + 1e-5
            sign = np.sign(train.sent().reshape(fired.shape))
            back = np.where(sign < 0, 1.0 if train.op == "RoundingIFNeuron" else 0.0, 0.0)  # taken back below 0, or -1
            assert (sign * (left - back))[fired].min(initial=np.inf) > -1e-5
        elif train.op == "MSATNeuron":
            assert left[fired].min(initial=np.inf) > -1e-5
        elif train.op == "FSNeuron":
            np.testing.assert_array_less(left[-1][fired[-1]], 1.0)
            after = left[:-1]
            halves = 2.0 ** -np.arange(2, train.shape[0] + 1).reshape(-1, *[1] * (left.ndim - 1))
            np.testing.assert_array_equal(fired[1:], after >= halves)
        elif train.worth is not None:
            quiet = ~fired.any(axis=0)
            assert left[:, quiet].max(initial=-np.inf) < 1


def test_raster_shows_who_fires(reported):
    recorded, _ = snncc.spike_trains(reported.snn, reported.data["input"][:1])
    train = recorded.layers[-1]
    fired = train.spikes()[:, 0].reshape(train.shape[0], -1)
    potential = np.arange(fired.size, dtype=np.float64).reshape(fired.shape)
    found = rasters.raster(train, potential, (5, 0))
    assert found.spikes == fired.sum()
    np.testing.assert_array_equal(found.fired, fired[:, found.rows])
    np.testing.assert_array_equal(found.traces, potential[:, [5, 0]])
    assert {0, 5} <= set(found.rows.tolist())
    rest = set(found.rows.tolist()) - {0, 5}
    assert all(fired[:, neuron].any() for neuron in rest)


def test_schedule_ends_with_the_latency(reported):
    coding = recorded_coding(reported.snn)
    network = Network(to_folded(reported.snn), {"input": (1, 8, 8)})
    slots = pipeline_schedule.schedule(network, coding, {})
    assert len(slots) == len(network.neurons)
    assert max(s.start + s.length for s in slots) == steps_of(reported.snn, network).latency
    starts = {s.depth: s.start for s in slots}
    assert len({s.start for s in slots if s.depth == 1}) == 1
    expected = {"phase": 16, "fs": 6, "rate": 0, "msat": 0}[coding.name]
    assert starts[2] - starts[1] == expected


def test_draw_is_fair_and_bounded():
    drawn = Drawn(200, 1, seed=1)
    for start in range(0, 100_000, 1000):
        drawn.add(np.arange(start, start + 1000, dtype=np.float64))
    (kept,) = drawn.columns()
    assert kept.size == np.unique(kept).size == 200
    assert abs(kept.mean() - 50_000) < 3 * 100_000 / np.sqrt(12 * 200)
    few = Drawn(200, 2, seed=1)
    few.add(np.arange(3.0), np.arange(3.0) + 1)
    np.testing.assert_array_equal(few.columns()[1], [1, 2, 3])


def test_curves_of_layers_that_differ_have_panels_each(images):
    ann, coding = digits_network(), snncc.Phase(T=8)
    recipe = {"calibration": images[:60]}
    panels = {}
    for kind in ("powers", "batchnorm"):
        snn, source = pair(snncc.convert(ann, coding, levels=kind, **recipe), ann)
        layers, _ = layer_values(snn, source, [{"input": images[:4]}], "cpu", cut=True)
        panels[kind] = [p.title for p in curves.section(list(layers)).panels]
    assert panels["powers"] == ["relu"]
    assert len(panels["batchnorm"]) > 1
    assert panels["batchnorm"][0] == "relu, stem.relu"


def test_another_activation_has_its_own_curve():
    curve = curves.curve(code_of(snncc.FS(K=16), neuron("FSNeuron", table("swish", 16).attributes()), "swish"))
    exact = curve.x / (1 + np.exp(-curve.x))
    np.testing.assert_allclose(curve.exact, exact, atol=1e-12)
    assert np.sqrt(np.mean((curve.coded - exact) ** 2)) < 0.02
    relu = curves.curve(code_of(snncc.Phase(T=8, Q=1.3), neuron("OneSpikeNeuron", snncc.Phase(T=8, Q=1.3).tables())))
    np.testing.assert_array_equal(relu.coded, snncc.Phase(T=8, Q=1.3).code(relu.x))


def neuron(op, attributes):
    return onnx.helper.make_node(op, ["x", "s"], ["y"], domain="ai.snncc", **attributes)
