# SPDX-License-Identifier: Apache-2.0
"""Codings over time: spikes and synaptic operations against a reference count per step, in plain loops."""

from __future__ import annotations

from itertools import product

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from onnx import helper

import snncc
from snncc.analysis.network_view import Network
from snncc.analysis.time_stacking import TimeStacking, fold_of, gives_steps, max_batch, one_step
from snncc.compiler import time_forms
from snncc.errors import ModelError
from snncc.execution.folded_form import to_folded

STEPS = 6
OVER_TIME = [
    snncc.Rate(T=STEPS, signed=False),
    snncc.Rate(T=STEPS, shift="bias", signed=True),
    snncc.MSAT(T=STEPS),
    snncc.MSAT(T=STEPS, confidence=0.6, early=4, confidence_layers="all"),
]
IN_VALUES = [
    snncc.FS(K=5),
    snncc.FS(K=5, input="binary"),
    snncc.Rate(T=STEPS, wait=STEPS),
    snncc.Phase(T=9, Q=1.4, wait=6),
    snncc.Phase(T=9, Q=1.4, wait=6, input="analog"),
    snncc.Phase(T=9, Q=1.4, wait=9),
]


def taps(spikes, channels, kernel, pads, out):
    """One addition for every spike [C, H, W] at every tap of every output; pads are (top, left)."""
    operations = 0
    for oy, ox, ky, kx in product(*map(range, out), *map(range, kernel)):
        y, x = oy + ky - pads[0], ox + kx - pads[1]
        if 0 <= y < spikes.shape[1] and 0 <= x < spikes.shape[2]:
            operations += channels * spikes[:, y, x].sum()
    return operations


def operations_one_by_one(passed, second, third):
    """All additions by spikes [N, C, H, W], from those that come out of the pool on."""
    total = sum(taps(sample, 4, (3, 2), (1, 0), (3, 3)) for sample in passed)
    total += 4 * second.sum()  # 1x1 kernels of four channels
    total += second.sum()  # the identity synapses of the residual sum
    return total + 7 * third.sum()


@pytest.fixture(autouse=True)
def fit(pooled_ann):
    """The geometry that is counted by hand above is that of the network."""
    shapes = Network(pooled_ann)
    assert [shapes.shape(t) for t in ("r1", "c2", "s")] == [(1, 3, 3, 3), (1, 4, 3, 3), (1, 4, 3, 3)]


@pytest.mark.parametrize("coding", OVER_TIME, ids=str)
def test_every_spike_of_every_step_is_counted(pooled_ann, pooled_images, stepwise, coding):
    model = snncc.convert(pooled_ann, coding, calibration=pooled_images)
    simulated = stepwise(model, pooled_images)
    session = ort.InferenceSession(model.SerializeToString())
    np.testing.assert_allclose(session.run(None, {"x": pooled_images})[0], simulated.output, rtol=1e-4, atol=1e-4)
    first, passed, second, third = simulated.counts.values()
    found = snncc.evaluate(model, pooled_ann, pooled_images)
    layers = [first, second, third]
    assert found.neurons == sum(x[0, 0].size for x in layers)
    assert [layer.total for layer in found.layers] == pytest.approx([x.sum() / 5 for x in layers], rel=1e-12)
    assert found.max_spikes == max(x.sum(axis=0).max() for x in layers)
    for layer, counts in zip(found.layers, layers, strict=True):
        np.testing.assert_allclose(layer.spikes[0], counts.sum(axis=(0, 1)) / 5, rtol=1e-12)
        np.testing.assert_allclose(layer.per_step, counts.reshape(STEPS, -1).sum(axis=1) / 5, rtol=1e-12)
    additions = operations_one_by_one(*(x.sum(axis=0) for x in (passed, second, third)))
    assert found.energy.synaptic_operations * 5 == pytest.approx(additions, rel=1e-12)
    assert found.energy.current_additions == STEPS * 3 * 6 * 6
    ones = np.ones((2, 6, 6), int)
    assert found.energy.analog_macs == taps(ones, 3, (3, 3), (1, 1), (6, 6))
    assert found.latency_steps == STEPS


@pytest.mark.parametrize("coding", IN_VALUES, ids=str)
def test_every_spike_of_values_and_slices_is_counted(pooled_ann, pooled_images, coding):
    model = snncc.convert(pooled_ann, coding, calibration=pooled_images)
    shown = onnx.ModelProto()
    shown.CopyFrom(model)
    for node in [n for n in shown.graph.node if n.domain]:
        node.output[1] = f"{node.output[0]}_n"
        shown.graph.output.append(helper.make_tensor_value_info(node.output[1], onnx.TensorProto.INT32, None))
    values = ort.InferenceSession(shown.SerializeToString()).run(None, {"x": pooled_images})[1:]
    counts = [v[-5:] for v in values]  # of slices, the last holds all spikes
    found = snncc.evaluate(model, pooled_ann, pooled_images)
    assert [layer.total for layer in found.layers] == pytest.approx([x.sum() / 5 for x in counts], rel=1e-12)
    hidden = counts[-3:]
    assert found.max_spikes == max(x.max() for x in hidden)
    assert found.spikes_per_neuron == pytest.approx(sum(x.sum() for x in hidden) / 5 / found.neurons, rel=1e-12)
    assert found.energy.current_additions == 0
    assert all(layer.per_step is None for layer in found.layers)
    assert "spikes_per_step" not in found.to_json()["neuron_layers"][0]
    if isinstance(coding, snncc.Phase):
        assert found.max_spikes == 1


@pytest.mark.parametrize("coding", [*OVER_TIME, *IN_VALUES], ids=str)
def test_one_step_has_the_shapes_of_samples(pooled_ann, pooled_images, coding):
    model = snncc.convert(pooled_ann, coding, calibration=pooled_images)
    network = Network(model)
    shapes = [network.shape(n.output[0]) for n in network.neurons if n not in network.encoders]
    assert {s[0] for s in shapes} == {1}
    first = 3 * 6 * 6 if coding.pools_spikes else 3 * 3 * 3  # before the pool, or after it
    assert sum(int(np.prod(s)) for s in shapes) == first + 2 * 4 * 3 * 3
    assert network.fold.count == coding.slices
    onnx.checker.check_model(one_step(model), full_check=True)


def test_the_batch_shrinks_as_the_steps_grow():
    assert max_batch(TimeStacking(), 64) == 64
    assert max_batch(TimeStacking("steps", 16), 64) == 16
    assert max_batch(TimeStacking("steps", 16), 3) == 3
    assert max_batch(TimeStacking("steps", 1000), 64) == 1
    assert max_batch(TimeStacking("steps", 16), 64, largest=2**22) == 2


@pytest.mark.parametrize("batch_size", [1, 2, 5])
def test_batch_size_does_not_change_what_is_counted(pooled_ann, pooled_images, batch_size):
    model = snncc.convert(pooled_ann, snncc.Rate(T=STEPS), calibration=pooled_images)
    whole = snncc.evaluate(model, pooled_ann, pooled_images).to_json()
    found = snncc.evaluate(model, pooled_ann, pooled_images, batch_size=batch_size).to_json()
    for key in ("spikes", "sin", "operations", "neuron_layers"):
        assert found[key] == whole[key]


def test_anytime_is_judged_by_its_last_step(pooled_ann, pooled_images):
    last, every = (
        snncc.convert(pooled_ann, snncc.Rate(T=STEPS), calibration=pooled_images, anytime=anytime)
        for anytime in (False, True)
    )
    assert (gives_steps(last), gives_steps(every)) == (False, True)
    found = [snncc.evaluate(m, pooled_ann, pooled_images, labels=np.zeros(5, int)).to_json() for m in (last, every)]
    for key in ("accuracy_percent", "agreement", "spikes", "operations"):
        assert found[0][key] == found[1][key]
    assert found[0]["output_error"] == pytest.approx(found[1]["output_error"], rel=1e-4)


@pytest.mark.parametrize("turns", [1, STEPS])
@pytest.mark.parametrize("coding", OVER_TIME, ids=str)
def test_loops_are_counted_as_their_folded_form(monkeypatch, pooled_ann, pooled_images, coding, turns):
    monkeypatch.setattr(time_forms, "_CACHE", 1 if turns > 1 else 2**30)
    folded, loop = (
        snncc.convert(pooled_ann, coding, calibration=pooled_images, form=form) for form in ("folded", "loop")
    )
    assert fold_of(loop).kind == ""
    flat = to_folded(loop)
    onnx.checker.check_model(flat, full_check=True)
    outputs = [ort.InferenceSession(m.SerializeToString()).run(None, {"x": pooled_images})[0] for m in (folded, flat)]
    np.testing.assert_array_equal(*outputs)
    found = [snncc.evaluate(m, pooled_ann, pooled_images).to_json() for m in (folded, loop)]
    for key in ("spikes", "sin", "operations", "neuron_layers", "synaptic_layers"):
        assert found[0][key] == found[1][key]


STEPPED = [
    snncc.Rate(T=6, signed=False),
    snncc.Rate(T=6),
    snncc.Rate(T=6, wait=6),
    snncc.MSAT(T=6),
    snncc.FS(K=4),
    snncc.Phase(T=6, Q=1.5),
    snncc.Phase(T=6, Q=1.5, spikes=2, input="one"),
]


@pytest.mark.parametrize("coding", STEPPED, ids=str)
def test_single_steps_are_counted_as_their_folded_form(pooled_ann, pooled_images, coding):
    made = {f: snncc.convert(pooled_ann, coding, calibration=pooled_images, form=f) for f in ("folded", "loop", "step")}
    flats = [to_folded(made[form]) for form in ("loop", "step")]
    for flat in flats:
        onnx.checker.check_model(flat, full_check=True)
        assert to_folded(flat) is flat
    outputs = [
        ort.InferenceSession(m.SerializeToString()).run(None, {"x": pooled_images})[0] for m in (made["folded"], *flats)
    ]
    np.testing.assert_array_equal(outputs[0], outputs[1])
    np.testing.assert_array_equal(outputs[0], outputs[2])
    found = [snncc.evaluate(m, pooled_ann, pooled_images, phases=True).to_json() for m in made.values()]
    for each in found:
        del each["latency"]["ms_per_sample"]
    for key in ("spikes", "sin", "operations", "neuron_layers", "synaptic_layers", "latency"):
        assert found[0][key] == found[1][key] == found[2][key]


@pytest.mark.parametrize("form", ["loop", "step"])
def test_single_steps_of_layers_that_fire_early_are_refused(pooled_ann, pooled_images, form):
    model = snncc.convert(pooled_ann, snncc.Phase(T=6, Q=1.5, wait=4), calibration=pooled_images, form=form)
    with pytest.raises(ModelError, match=r"fire before their input is complete.*--form folded"):
        snncc.evaluate(model, pooled_ann, pooled_images)
