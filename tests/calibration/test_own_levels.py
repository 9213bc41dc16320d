# SPDX-License-Identifier: Apache-2.0
"""Per-layer levels of phase coding: bases by mean absolute percentage error, fitted levels by squared error."""

from __future__ import annotations

import json
import math
from contextlib import nullcontext

import numpy as np
import onnx
import pytest

import snncc
from snncc.calibration.layer_levels import fitted_levels
from snncc.calibration.observers import ActivationSite
from snncc.coding.optimal_base import best_base, percentage_error
from snncc.compiler.level_choice import level_choice
from snncc.compiler.options import ConversionOptions
from snncc.models import digits_network
from snncc.models.digits import load_digits
from snncc.tools.check.run import run_checks
from snncc.tools.debug import debug_layers


def error_by_hand(base: float, steps: int, mean: float = 0.0, deviation: float = 1.0) -> float:
    """Eq. 5, one activation after the other."""
    total = mass = 0.0
    for i in range(6000):
        u = (i + 0.5) / 6000
        spike = 0.0
        for phase in range(steps):
            if u >= base**-phase * (1 + 1 / base) / 2:
                spike = base**-phase
                break
        density = math.exp(-(((u - mean) / deviation) ** 2) / 2)
        total += density * abs(u - spike) / u
        mass += density
    return total / mass


@pytest.mark.parametrize("mean", [0.0, -0.4, 0.3])
def test_percentage_error_by_hand(mean):
    for steps, base in ((4, 1.8), (16, 1.3), (24, 1.1)):
        found = percentage_error(snncc.Phase(T=steps, Q=base).code, mean, 0.5)
        assert found == pytest.approx(error_by_hand(base, steps, mean, 0.5), rel=2e-3)


@pytest.mark.parametrize(("steps", "paper"), [(16, 1.3), (24, 1.2)])
def test_auto_is_the_base_of_least_error_and_near_the_papers(steps, paper):
    chosen = snncc.Phase(T=steps, Q="auto").base
    tried = {base / 100: error_by_hand(base / 100, steps) for base in range(104, 200, 4)}
    assert error_by_hand(chosen, steps) <= min(tried.values()) * 1.005
    assert chosen == pytest.approx(paper, abs=0.03)


def test_fewer_steps_take_a_larger_base():
    bases = [snncc.Phase(T=steps, Q="auto").base for steps in (4, 8, 16, 24, 48)]
    assert bases == sorted(bases, reverse=True)
    assert snncc.Phase(T=1, Q="auto").base <= 2


def test_channels_that_say_nothing_have_no_part():
    def code_at(base):
        return snncc.Phase(T=16, Q=base).code

    alone = best_base(code_at, 0.2, 0.1)
    with np.errstate(divide="raise", invalid="raise"):
        assert best_base(code_at, [0.2, -50.0, 3.0], [0.1, 0.1, 0.0]) == alone
    assert best_base(code_at, [-50.0], [0.1]) == best_base(code_at) == snncc.Phase(T=16, Q="auto").base


def test_bases_behind_batchnorm_are_their_layers_own_and_recorded():
    """The digits network: a BatchNormalization before two of its ReLUs or more, whose mean and deviation count."""
    data = load_digits()
    ann = onnx.load_from_string(digits_network())
    snn = snncc.convert(ann, snncc.Phase(T=16, Q="auto"), calibration=data.train_images[:200], levels="batchnorm")
    recorded = json.loads({p.key: p.value for p in snn.metadata_props}["snncc.neurons"])
    own = {name: entry["Q"] for name, entry in recorded.items() if "Q" in entry}
    assert len(own) >= 2
    nodes = {n.name: n for n in snn.graph.node}
    for name, base in own.items():
        levels = next(list(a.floats) for a in nodes[name].attribute if a.name == "levels")
        np.testing.assert_array_equal(np.float32(levels), np.float32(base ** -np.arange(16.0)))
    found = snncc.evaluate(snn, ann, data.test_images[:200], labels=data.test_labels[:200])
    assert found.top1[1] > 97


def neuron_entries(model: onnx.ModelProto) -> dict:
    return json.loads({p.key: p.value for p in model.metadata_props}["snncc.neurons"])


def test_fitted_levels_are_in_neurons_and_recorded():
    """Each neuron of a ReLU has its own, with thresholds halfway between them; unseen images come out better."""
    data = load_digits()
    ann = onnx.load_from_string(digits_network())
    made = {
        kind: snncc.convert(ann, snncc.Phase(T=6, Q="auto"), calibration=data.train_images[:400], levels=kind)
        for kind in ("powers", "fitted")
    }
    nodes = {n.name: n for n in made["fitted"].graph.node}
    entries = {name: entry for name, entry in neuron_entries(made["fitted"]).items() if entry["replaces"]}
    assert len(entries) == 4
    assert len({tuple(entry["levels"]) for entry in entries.values()}) == 4
    for name, entry in entries.items():
        tables = {a.name: np.float32(a.floats) for a in nodes[name].attribute}
        levels = entry["levels"]
        halfway = [(a + b) / 2 for a, b in zip(levels, [*levels[1:], 0.0], strict=True)]
        np.testing.assert_array_equal(tables["levels"], np.float32(levels))
        np.testing.assert_array_equal(tables["thresholds"], np.float32(halfway))
    assert not any("levels" in entry for entry in neuron_entries(made["powers"]).values())
    found = {kind: debug_layers(snn, ann, data.test_images[:300]) for kind, snn in made.items()}
    snr = {kind: {e.name: e.own_snr for e in errors.layers if e.replaces} for kind, errors in found.items()}
    assert all(snr["fitted"][name] > snr["powers"][name] + 1 for name in entries)


def test_a_base_and_fitted_levels_contradict_each_other(cnn, images):
    with pytest.raises(snncc.SnnccError, match="either fitted or powers of Q"):
        snncc.convert(cnn, snncc.Phase(T=6, Q=1.1), calibration=images, levels="fitted")


@pytest.mark.parametrize(
    ("coding", "options", "message"),
    [
        (snncc.Rate(T=8), {"levels": "fitted"}, "only phase and differential coding"),
        (snncc.Phase(), {"levels": "free"}, "must be one of auto, powers, batchnorm, fitted"),
        (snncc.Phase(spikes=3), {"levels": "fitted"}, "one or two spikes that round"),
        (snncc.Phase(shift=False), {"levels": "fitted"}, "one or two spikes that round"),
        (snncc.Phase(), {"levels": "fitted", "scale": "max"}, "no --scale max"),
    ],
)
def test_refuses_levels_that_cannot_be_fitted(cnn, images, coding, options, message):
    with pytest.raises(snncc.SnnccError, match=message):
        snncc.convert(cnn, coding, calibration=images, **options)


@pytest.mark.parametrize(
    ("kind", "tune", "refused"), [("auto", False, False), ("powers", False, True), ("auto", True, True)]
)
def test_levels_of_the_coding_leave_no_choice_of_others(kind, tune, refused):
    coding = snncc.Phase(T=3, levels=(1.0, 0.5, 0.25))
    with pytest.raises(snncc.SnnccError, match="levels of its own") if refused else nullcontext():
        level_choice(ConversionOptions(levels=kind, tune=tune), coding, data=True)


def test_layers_whose_levels_cannot_be_fitted_are_named(cnn, images, caplog):
    """Activations are all 0: powers of the base that suits their number, not of whatever Q is."""
    made = snncc.convert(cnn, snncc.Phase(T=6), calibration=np.zeros_like(images), levels="fitted", match=False)
    assert "too few different activations for 6 levels" in caplog.text
    auto = snncc.Phase(T=6).base
    assert {entry["Q"] for entry in neuron_entries(made).values() if entry["replaces"]} == {auto}


class TwoChannels:
    """What `fitted_levels` asks of a calibration: one activation of 1.0 at scale 1, and one of 2.4 at scale 3."""

    def counted(self, _place):
        return np.array([1.0, 2.4]), np.array([[1, 0], [0, 1]])

    def scale(self, _place, _coding, _choice):
        return np.array([[1.0], [3.0]])


def test_fitted_levels_count_errors_in_units_of_activations():
    """One level for 1.0 and 0.8, in units of the scales: an error counts as the square of its scale, 1 and 9."""
    found = fitted_levels(TwoChannels(), ActivationSite("t", 2, 1), snncc.Phase(T=1))
    assert found.levels == pytest.approx(((1 * 1.0 + 9 * 0.8) / 10,), rel=1e-5)


@pytest.mark.parametrize("wait", [3, 8])
@pytest.mark.parametrize("normalize", ["channel", "none"])
def test_fitted_levels_keep_within_a_ceiling(network, wait, normalize):
    """A ReLU6 whose activations crowd at 6: no level is above it, and the scales are what the metadata say."""
    body = "a = MatMul (x, W) r = Clip (a, low, high) y = MatMul (r, V)"
    rng = np.random.default_rng(0)
    text = f"g (float[N,16] x) => (float[N,3] y) <float low = {{0.0}}, float high = {{6.0}}> {{ {body} }}"
    model = network(text, W=(16, 12), V=(12, 3))
    x = rng.normal(0, 3, (300, 16)).astype(np.float32)
    coding = snncc.Phase(T=8, wait=wait)
    snn = snncc.convert(model, coding, calibration=x, levels="fitted", normalize=normalize)
    assert [r for r in run_checks(snn, model, x) if not r.passed] == []


def test_fitted_levels_need_data(cnn):
    with pytest.raises(snncc.SnnccError, match="give --calib"):
        snncc.convert(cnn, snncc.Phase(), levels="fitted")


def test_only_phase_coding_has_bases(cnn, images):
    with pytest.raises(snncc.SnnccError, match="only phase and differential coding"):
        snncc.convert(cnn, snncc.Rate(T=8), calibration=images, levels="batchnorm")
    with pytest.raises(snncc.SnnccError, match="must be a number"):
        snncc.Phase(Q="best")
    with pytest.raises(snncc.SnnccError, match="must be above 1"):
        snncc.Phase(Q=0.5)
