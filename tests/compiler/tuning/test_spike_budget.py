# SPDX-License-Identifier: Apache-2.0
"""Second spikes where they lower the error most for their cost."""

from __future__ import annotations

import json

import numpy as np
import onnx
import onnxruntime
import pytest

import snncc
import snncc.runtime
from snncc.coding.scales import LayerSettings
from snncc.compiler.tuning.spike_budget import _SecondSpike, _taken
from snncc.models import digits_network
from snncc.models.digits import load_digits
from snncc.tools.check.run import run_checks


@pytest.fixture(scope="module")
def images():
    return load_digits().train_images[:160]


def entries(model: onnx.ModelProto) -> dict[str, dict]:
    recorded = json.loads({p.key: p.value for p in model.metadata_props}["snncc.neurons"])
    return {name: entry for name, entry in recorded.items() if entry["replaces"]}


def candidate(name: str, gain: float, cost: float) -> _SecondSpike:
    return _SecondSpike(name, LayerSettings(levels=(1.0,), fine=(0.5,)), gain, cost)


@pytest.mark.parametrize(
    ("budget", "taken"), [(1.0, []), (1.1, ["a"]), (1.15, ["a"]), (1.3, ["a", "b"]), (2.0, ["a", "b", "c"])]
)
def test_spends_a_budget_on_the_best_candidates(budget, taken):
    """100 neurons with 100 spikes; what does not fit is passed over, a gain below 0 never taken."""
    candidates = [
        candidate("c", 0.01, 40),
        candidate("a", 0.02, 10),
        candidate("b", 0.02, 20),
        candidate("worse", -0.01, 1),
    ]
    assert list(_taken(candidates, 100, 100.0, 0.05, budget)) == taken


def test_spends_a_tenth_more_or_what_the_error_needs():
    candidates = [candidate("small", 0.001, 9), candidate("large", 0.3, 60), candidate("dear", 0.02, 80)]
    assert list(_taken(candidates, 100, 100.0, 0.4, None)) == ["large"]  # "dear": 5 % of the error for 80 % more spikes
    assert list(_taken(candidates, 100, 100.0, 0.005, None)) == ["small"]


def test_levels_are_fitted_and_checked(images):
    """The default with calibration data: a second spike in some layer, and every check passes."""
    model = onnx.load_from_string(digits_network())
    snn = snncc.convert(model, snncc.Phase(T=8), calibration=images)
    own = entries(snn)
    assert all("levels" in entry for entry in own.values())
    fine = [entry for entry in own.values() if "fine" in entry]
    assert 0 < len(fine) < len(own)
    assert all(len(entry["levels"]) + len(entry["fine"]) == 8 for entry in fine)
    assert [result for result in run_checks(snn, model, images) if not result.passed] == []


def test_a_budget_of_two_spikes_gives_all_layers_two(images):
    made = {b: snncc.convert(digits_network(), snncc.Phase(T=8), calibration=images, spike_budget=b) for b in (0.01, 2)}
    assert not any("fine" in entry for entry in entries(made[0.01]).values())
    assert all("fine" in entry for entry in entries(made[2]).values())
    found = {b: snncc.evaluate(snn, digits_network(), images) for b, snn in made.items()}
    assert found[2].output_error < 0.5 * found[0.01].output_error
    assert found[0.01].spikes_per_neuron < found[2].spikes_per_neuron < 2


def test_two_spikes_everywhere_beat_two_greedy_ones(images):
    errors = [
        snncc.evaluate(snncc.convert(digits_network(), coding, calibration=images), digits_network(), images)
        for coding in (snncc.Phase(T=16, spikes=2), snncc.Phase(T=16, Q=1.3, spikes=2))
    ]
    assert errors[0].output_error < 0.9 * errors[1].output_error


def test_same_bytes_again(images):
    made = [snncc.convert(digits_network(), snncc.Phase(T=8), calibration=images) for _ in range(2)]
    assert made[0].SerializeToString(deterministic=True) == made[1].SerializeToString(deterministic=True)


@pytest.mark.parametrize(
    "options",
    [
        {"coding": snncc.FS()},
        {"coding": snncc.Phase(Q=1.3)},
        {"coding": snncc.Phase(spikes=2)},
        {"coding": snncc.Phase(wait=12)},
        {"levels": "powers"},
        {"form": "step"},
        {"scale": "max"},
        {"calibration": None},
    ],
    ids=str,
)
def test_refuses_a_budget_that_cannot_be_kept(images, options):
    given = {"coding": snncc.Phase(), "calibration": images, **options}
    with pytest.raises(snncc.SnnccError, match="a budget of spikes is for"):
        snncc.convert(digits_network(), spike_budget=0.6, **given)


def test_kernels_and_body_agree(images):
    snn = snncc.convert(digits_network(), snncc.Phase(T=8, spikes=2), calibration=images)
    name = snn.graph.input[0].name
    plain = snncc.runtime.create_session(snn, device="cpu").run(None, {name: images})[0]
    body = onnxruntime.InferenceSession(snn.SerializeToString(), providers=["CPUExecutionProvider"])
    same = (plain.argmax(1) == body.run(None, {name: images})[0].argmax(1)).mean()
    assert same > 0.98
    assert np.isfinite(plain).all()


@pytest.mark.parametrize(
    "coding",
    [snncc.Phase(T=8, spikes=2), snncc.Phase(T=3, spikes=2, levels=(1.0, 0.5), fine=(0.1,))],
    ids=["fitted", "given"],
)
@pytest.mark.parametrize("form", ["loop", "step"])
def test_single_steps_have_no_fine_spikes(images, coding, form):
    with pytest.raises(snncc.SnnccError, match="folded form only"):
        snncc.convert(digits_network(), coding, calibration=images, form=form)


def test_single_steps_send_one_spike_by_default(images):
    snn = snncc.convert(digits_network(), snncc.Phase(T=8), calibration=images, form="step")
    own = entries(snn)
    assert all("levels" in entry and "fine" not in entry for entry in own.values())
    assert [
        result for result in run_checks(snn, onnx.load_from_string(digits_network()), images) if not result.passed
    ] == []


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"levels": (1.0, 0.5), "fine": (0.1,)}, "second of two spikes"),
        ({"spikes": 2, "fine": (0.1,)}, "give levels"),
        ({"spikes": 2, "levels": (1.0, 0.5, 0.25), "fine": (0.1,)}, "T minus the number of fine levels = 2"),
        ({"spikes": 2, "levels": (1.0, 0.5), "fine": (0.0,)}, "fine = 1"),
    ],
)
def test_fine_levels_that_make_no_sense(given, message):
    with pytest.raises(snncc.SnnccError, match=message):
        snncc.Phase(T=3, **given)


def test_given_levels_of_two_spikes():
    """Levels .1 to 1, remainders of up to .05: no error is larger than half of the last fine level."""
    levels = tuple(np.round(np.linspace(1, 0.1, 10), 3).tolist())
    coding = snncc.Phase(T=20, spikes=2, levels=levels, fine=tuple(np.round(np.linspace(0.05, 0.005, 10), 4).tolist()))
    u = np.linspace(0.05, 1.05, 2001)
    assert np.abs(coding.code(u) - u).max() <= 0.00251
    assert coding.count(u).max() == 2
    assert coding.largest == pytest.approx(1.05)
    assert (coding.steps, coding.spike_limit(LayerSettings())) == (20, 2)
