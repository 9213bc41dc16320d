# SPDX-License-Identifier: Apache-2.0
"""Step sharing: the allocation is optimal among all others; networks with per-layer steps convert."""

from __future__ import annotations

import itertools
import json

import numpy as np
import onnx
import onnx.numpy_helper
import onnx.parser
import onnxruntime as ort
import pytest

import snncc
import snncc.runtime
from snncc.compiler.tuning.step_sharing import shared_steps
from snncc.models import digits_network
from snncc.models.digits import load_digits
from snncc.tools.check.run import run_checks
from snncc.tools.check.structure import CheckSubject, structural

FINE = {"levels": (1.0, 0.5, 0.3), "fine": (0.1, 0.05, 0.03)}
_BOTTLENECK = {"narrow": (4, 8, 1, 1), "wide": (8, 4, 1, 1)}
LAWS = {("phase", False): lambda n: n**-2, ("phase", True): lambda n: n**-4, ("fs", False): lambda n: 4.0**-n}


@pytest.fixture(scope="module")
def images() -> np.ndarray:
    return load_digits().train_images[:128]


def shared(coding, errors):
    return shared_steps(dict.fromkeys(errors, coding), errors)


@pytest.mark.parametrize("coding", [snncc.Phase(T=6), snncc.FS(K=6), snncc.Phase(T=6, spikes=2, **FINE)], ids=str)
@pytest.mark.parametrize("seed", range(3))
def test_no_other_sharing_leaves_less_error(coding, seed):
    """Of all ways to give four layers 3 to 9 steps, 24 in all."""
    errors = dict(zip("abcd", np.random.default_rng(seed).lognormal(0, 2, 4).tolist(), strict=True))
    law = LAWS[coding.name, coding.fine_spikes]
    ways = [way for way in itertools.product(range(3, 10), repeat=4) if sum(way) == 24]
    best = min(sum(e * law(n) for e, n in zip(errors.values(), way, strict=True)) for way in ways)
    given = shared(coding, errors)
    assert sum(given.values()) == 24
    assert sum(errors[name] * law(given[name]) for name in errors) == pytest.approx(best)


def test_half_as_many_again_at_most():
    for usual in (1, 2, 3, 5, 7):
        given = shared(snncc.FS(K=usual), {"a": 1.0, "b": 1e-9, "c": 1e-9})
        assert max(given.values()) <= 1.5 * usual
        assert sum(given.values()) == 3 * usual


def test_layers_alike_keep_what_they_have():
    assert shared(snncc.Phase(T=16), dict.fromkeys("abc", 0.1)) == dict.fromkeys("abc", 16)


def test_tables_stay_short_enough_for_registers():
    errors = {"a": 1.0, "b": 1e-6, "c": 1e-6}
    assert max(shared(snncc.Phase(T=24), errors).values()) == 32
    assert max(shared(snncc.Phase(T=40), errors).values()) == 40


@pytest.fixture(scope="module", params=[snncc.Phase(T=10, Q="auto"), snncc.FS(K=5)], ids=["phase", "fs"])
def shared_model(request, images):
    return request.param, snncc.tune(digits_network(), request.param, calibration=images, share_steps=True)


def steps_of_neurons(model: onnx.ModelProto) -> dict[str, int]:
    recorded = json.loads({p.key: p.value for p in model.metadata_props}["snncc.neurons"])
    return {name: entry["steps"] for name, entry in recorded.items() if "steps" in entry}


def test_layers_have_steps_of_their_own_and_check_agrees(shared_model):
    coding, model = shared_model
    steps = steps_of_neurons(model)
    assert len(steps) == 4
    assert len(set(steps.values())) > 1
    assert sum(steps.values()) == 4 * coding.steps
    assert [
        message for _, passed, message in structural(CheckSubject(model, load(digits_network()))) if not passed
    ] == []
    entry = next(p for p in model.metadata_props if p.key == "snncc.neurons")
    neurons = json.loads(entry.value)
    neurons[min(steps, key=lambda name: steps[name])]["steps"] += 1
    spoiled = onnx.ModelProto.FromString(model.SerializeToString())
    next(p for p in spoiled.metadata_props if p.key == "snncc.neurons").value = json.dumps(neurons)
    said = {name: message for name, _, message in structural(CheckSubject(spoiled, load(digits_network())))}
    expected = "levels must be T = " if isinstance(coding, snncc.Phase) else "thresholds is not what K"
    assert expected in said["metadata-tables"]


def load(model: bytes) -> onnx.ModelProto:
    return onnx.load_from_string(model)


def test_the_body_says_what_the_kernels_say(shared_model):
    _, model = shared_model
    x = load_digits().test_images[:64]
    found = []
    for kernels in (True, False):
        options = ort.SessionOptions()
        options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
        session = snncc.runtime.create_session(model, device="cpu", options=options, kernels=kernels)
        found.append(session.run(None, {"input": x})[0])
    np.testing.assert_array_equal(*found)


def test_latency_follows_the_longest_path(shared_model):
    """The digits network: stem, then a block of two layers with a shortcut, then one more layer."""
    coding, model = shared_model
    own = steps_of_neurons(model)
    data = load_digits()
    found = snncc.evaluate(model, digits_network(), data.test_images[:64], labels=data.test_labels[:64])
    start = 5 if isinstance(coding, snncc.Phase) else 0  # bits of the 17 grey levels of the input
    assert found.steps.latency == start + sum(own.values())
    assert found.steps.window == max(own.values())
    assert found.steps.interval == max(own.values()) * (1 if isinstance(coding, snncc.Phase) else 2)
    assert found.top1[1] > 90


def test_spikes_keep_within_each_layers_own_steps(shared_model):
    coding, model = shared_model
    own = steps_of_neurons(model)
    trains, _ = snncc.spike_trains(model, load_digits().test_images[:16])
    for train in trains.layers:
        if train.name in own:
            assert train.spikes()[: own[train.name]].any()
            assert not train.spikes()[own[train.name] :].any()
    assert coding.steps < max(own.values())


@pytest.mark.parametrize(
    ("coding", "options", "message"),
    [
        (snncc.Rate(T=8), {}, "phase or few-spikes coding"),
        (snncc.Phase(T=8, wait=6), {}, "wait for all of their input"),
        (snncc.Phase(T=8, spikes=2), {}, "phase or few-spikes coding"),
        (snncc.Phase(T=8), {"form": "step"}, "leave out --share-steps"),
        (snncc.Phase(T=2, levels=(1.0, 0.5)), {}, "levels of its own, for all layers"),
        (snncc.Phase(T=8), {"calibration": None, "tune": False}, "give some"),
    ],
)
def test_refuses_what_cannot_share(images, coding, options, message):
    arguments = {"calibration": images, "tune": True, "share_steps": True, **options}
    with pytest.raises(snncc.SnnccError, match=message):
        snncc.convert(digits_network(), coding, **arguments)


@pytest.mark.parametrize(
    ("coding", "options"),
    [
        (snncc.Phase(T=9), {}),
        (snncc.Phase(T=16), {"share_steps": True, "levels": "fitted"}),
        (snncc.Phase(T=12, Q=1.3), {"share_steps": True}),
        (snncc.FS(K=6), {"share_steps": True}),
    ],
    ids=str,
)
def test_conversions_share_steps_without_tuning(images, coding, options):
    """By default with fitted levels, else if asked for: the same total, less error, and every check passes."""
    made = snncc.convert(digits_network(), coding, calibration=images, **options)
    alike = snncc.convert(digits_network(), coding, calibration=images, **{**options, "share_steps": False})
    steps = steps_of_neurons(made)
    assert len(set(steps.values())) > 1
    assert sum(steps.values()) == 4 * coding.steps
    assert not steps_of_neurons(alike)
    assert [result for result in run_checks(made, load(digits_network()), images) if not result.passed] == []
    held = load_digits().train_images[512:1024]
    found = [snncc.evaluate(model, digits_network(), held).output_error for model in (made, alike)]
    assert found[0] < found[1]


@pytest.mark.parametrize(
    ("coding", "options"),
    [
        (snncc.Phase(T=8, Q=1.3), {}),
        (snncc.Phase(T=8), {"levels": "fitted"}),
        (snncc.Phase(T=8, wait=6), {}),
        (snncc.Phase(T=8), {"form": "step"}),
        (snncc.FS(K=6), {}),
        (snncc.Rate(T=8), {}),
    ],
    ids=str,
)
def test_others_keep_their_steps(images, coding, options):
    made = snncc.convert(digits_network(), coding, calibration=images, **options)
    recorded = json.loads({p.key: p.value for p in made.metadata_props}["snncc.neurons"])
    assert not any("steps" in entry for entry in recorded.values())


def test_neurons_of_both_signs_share_steps():
    """Three linear bottlenecks: their neurons have one spike of either sign."""
    rng = np.random.default_rng(0)
    weights = {f"{kind}{i}": rng.normal(size=s) / s[1] ** 0.5 for i in range(3) for kind, s in _BOTTLENECK.items()}
    nodes = "".join(
        f"l{i} = Conv (n{i}, narrow{i})\nm{i} = Conv (l{i}, wide{i})\nn{i + 1} = Relu (m{i})\n" for i in range(3)
    )
    model = onnx.parser.parse_model(
        '<ir_version: 9, opset_import: ["" : 17]> g (float[N, 8, 6, 6] x) => (float[N, 8, 1, 1] y)\n'
        f"{{ n0 = Relu (x)\n{nodes}y = GlobalAveragePool (n3) }}"
    )
    model.graph.initializer.extend(
        onnx.numpy_helper.from_array(value.astype(np.float32), name) for name, value in weights.items()
    )
    x = rng.normal(size=(64, 8, 6, 6)).astype(np.float32)
    made = snncc.convert(model, snncc.Phase(T=10), calibration=x, spike_linear=True)
    steps = steps_of_neurons(made)
    signed = [name for name in steps if "as_spikes" in name]
    assert len(signed) == 3, steps
    assert len({steps[name] for name in signed}) > 1
    assert sum(steps.values()) == 7 * 10
    assert [result for result in run_checks(made, model, x) if not result.passed] == []
