# SPDX-License-Identifier: Apache-2.0
"""Scales against a brute-force search on the activations."""

from __future__ import annotations

import weakref

import numpy as np
import onnx
import onnxruntime as ort
import pytest

import snncc
from snncc.calibration.calibrate import ScaleMethod, calibrate
from snncc.calibration.histogram import LeastSquares, Percentile
from snncc.calibration.observers import ActivationSite
from snncc.coding import Coding
from snncc.coding.scales import LayerSettings, Scales
from snncc.frontend.import_model import import_model
from snncc.passes.manager import PassManager
from snncc.passes.pipeline import legalisation

CODING = snncc.Phase(T=16, Q=1.3)


def scales_of(model: onnx.ModelProto, data: object, coding: Coding = CODING, **method: object) -> Scales:
    graph = import_model(model)
    PassManager(legalisation(coding)).run(graph)
    return calibrate(graph, coding, ScaleMethod(**method), data).scales(coding)


def activations(model: onnx.ModelProto, data: np.ndarray, *names: str) -> list[np.ndarray]:
    model = onnx.ModelProto.FromString(model.SerializeToString())
    model.graph.output.extend(
        onnx.ValueInfoProto(name=n) for n in names if n not in [o.name for o in model.graph.output]
    )
    session = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(list(names), {session.get_inputs()[0].name: data})


def test_maxima(cnn, images):
    scales = scales_of(cnn, images, scale="max")
    for name, value in zip("rs", activations(cnn, images, "r", "s"), strict=True):
        expected = value.max(axis=(0, 2, 3))
        expected[expected == 0] = expected.max()
        np.testing.assert_allclose(scales.neurons[name].reshape(-1), expected, rtol=1e-6)
        assert scales.neurons[name].shape == (value.shape[1], 1, 1)


@pytest.mark.parametrize("percent", [50.0, 90.0, 99.9, 100.0])
def test_percentiles(cnn, images, percent):
    scales = scales_of(cnn, images, percentile=percent)
    value = activations(cnn, images, "r")[0]
    expected = np.percentile(value, percent, axis=(0, 2, 3), method="inverted_cdf")
    found = scales.neurons["r"].reshape(-1)
    alive = expected > 0
    assert alive.any()
    np.testing.assert_allclose(found[alive], expected[alive], rtol=0.04)  # a bin is 1.6 to 3 % wide


def test_percentile_counts_zeros():
    value = np.zeros((100, 1), np.float32)
    value[:5] = 3.0
    place = ActivationSite("t", 2, 1)
    for percent, expected in [(90, 0), (94.9, 0), (96, 3.0), (100, 3.0)]:
        observer = Percentile(percent)
        observer.update(place, value[:33])
        observer.update(place, value[33:])
        assert observer.result(place)[0] == pytest.approx(expected, rel=0.04)


@pytest.mark.parametrize(("largest", "counts"), [(2.0**-16, False), (1.01 * 2.0**-16, True)])
def test_the_maximum_stands_in_where_activations_are_too_small_to_count(largest, counts):
    """Bins begin at 2^-24; a channel counts if it has activations above 256 times that."""
    value = np.full((10, 1), largest / 8, np.float32)
    value[0] = largest
    place, observer = ActivationSite("t", 2, 1), Percentile(50)
    observer.update(place, value)
    expected = largest / 8 if counts else largest
    assert observer.result(place)[0] == pytest.approx(expected, rel=0.04)


@pytest.mark.parametrize("coding", [CODING, snncc.Phase(T=8, Q=1.5, shift=False), snncc.Phase(T=6, Q=1.6, spikes=3)])
def test_least_squares(coding):
    rng = np.random.default_rng(5)
    value = np.maximum(rng.normal(0, [0.02, 1.0, 50.0], (4000, 3)), 0).astype(np.float32)
    place = ActivationSite("t", 2, 1)
    observer = LeastSquares(coding.code)
    observer.update(place, value)
    found = observer.result(place)
    for channel in range(3):
        a = value[:, channel].astype(np.float64)
        candidates = a.max() * np.geomspace(1 / 8, 1.03, 400)
        errors = [np.mean((a - s * coding.code(a / s)) ** 2) for s in candidates]
        own = np.mean((a - found[channel] * coding.code(a / found[channel])) ** 2)
        assert own <= 1.06 * min(errors)  # scales are tried in steps of a bin
        assert own < np.mean((a - a.max() * coding.code(a / a.max())) ** 2)


def test_levels_that_cost_nothing_leave_room_for_larger_activations(cnn, images):
    """Twice the largest activation seen, where levels are so fine that this adds no error to speak of.

    Each sample is there twice, so that none sets a record, which would be another reason to leave room.
    """
    images = np.concatenate([images, images])
    largest = scales_of(cnn, images, scale="max").neurons
    for coding, room in ((snncc.FS(K=16), 2.0), (snncc.FS(K=6), 1.0)):
        found = scales_of(cnn, images, coding=coding).neurons
        for name in "rs":
            assert (found[name] <= room * largest[name]).all()
            assert (found[name] > 0.8 * room * largest[name]).all()


def test_one_scale_a_layer_is_its_largest(cnn, images):
    own, whole = (scales_of(cnn, images, scale="max", normalize=n) for n in ("channel", "layer"))
    for name in "rs":
        assert whole.neurons[name].shape == (1,)
        assert whole.neurons[name][0] == own.neurons[name].max()


def test_channels_that_never_fire(network, images):
    body = "g (float[N, 2, 8, 8] x) => (float[N, 3, 6, 6] y) { c = Conv(x, W, b) y = Relu(c) }"
    alive = scales_of(network(body, W=(3, 2, 3, 3), b=[0.0, -1e6, 0.0]), images).neurons["y"].reshape(-1)
    assert alive[1] == max(alive[0], alive[2]) > 0
    silent = scales_of(network(body, W=(3, 2, 3, 3), b=[-1e6] * 3), images).neurons["y"]
    assert silent.tolist() == [1.0]


@pytest.mark.parametrize("size", [1e-33, 1e-38, 1e-42])
@pytest.mark.parametrize("coding", [CODING, snncc.FS(K=16), snncc.Rate(T=16), snncc.MSAT(T=16)], ids=lambda c: c.name)
def test_activations_whose_inverse_float32_does_not_hold_count_as_0(network, coding, size):
    """One channel of three, or all of them."""
    body = """g (float[N, 4] x) => (float[N, 2] y, float[N, 2] z) {
        c = MatMul(x, W) r = Relu(c) y = MatMul(r, V) d = MatMul(x, U) s = Relu(d) z = MatMul(s, V) }"""
    W = np.random.default_rng(0).uniform(0.1, 1, (4, 3))
    model = network(body, W=W * [1, size, 1], U=W * size, V=np.ones((3, 2)))
    x = np.random.default_rng(1).uniform(0, 1, (32, 4)).astype(np.float32)
    snn = snncc.convert(model, coding, calibration=x)
    y, z = ort.InferenceSession(snn.SerializeToString()).run(None, {"x": x})
    want = ort.InferenceSession(model.SerializeToString()).run(None, {"x": x})[0]
    assert np.linalg.norm(y - want) < 0.2 * np.linalg.norm(want)
    assert np.abs(z).max() < 1e-30


@pytest.mark.parametrize("method", [{"scale": "max"}, {"percentile": 100.0}, {}])
@pytest.mark.parametrize("data", [True, False])
def test_relu6_never_exceeds_6(network, method, data):
    body = """g (float[N, 4] x) => (float[N, 3] y) {
        c = MatMul(x, W) r = Clip(c, zero, six) y = MatMul(r, V) }"""
    model = network(body, W=np.full((4, 5), 20.0), V=(5, 3), zero=0.0, six=6.0)
    given = np.random.default_rng(1).uniform(0, 5, (64, 4)).astype(np.float32) if data else None
    (scale,) = scales_of(model, given, **method).neurons.values()
    assert scale.max() <= 6
    assert scale.max() > 3


@pytest.mark.parametrize("choice", [LayerSettings(factor=4.0), LayerSettings(percentile=100.0, factor=4.0)])
def test_a_factor_of_a_layer_keeps_its_scale_within_the_ceiling(network, choice):
    body = "g (float[N, 4] x) => (float[N, 4] y) { y = Clip(x, zero, six) }"
    graph = import_model(network(body, zero=0.0, six=6.0))
    PassManager(legalisation(CODING)).run(graph)
    data = np.random.default_rng(1).uniform(0, 5, (64, 4)).astype(np.float32)
    found = calibrate(graph, CODING, ScaleMethod(), data)
    (relu,) = (place.relu for place in found.sites)
    (scale,) = found.scales(CODING, {relu: choice}).neurons.values()
    assert (scale == 6).all()


def test_room_above_the_largest_activation_ends_at_the_ceiling():
    """Levels this fine cost nothing, and the scale would be twice the largest activation."""
    value = np.random.default_rng(1).uniform(4, 5, (64, 1)).astype(np.float32)
    for place, expected in (
        (ActivationSite("t", 2, 1, ceiling=6.0), 6.0),
        (ActivationSite("u", 2, 1), 2 * float(value.max())),
    ):
        observer = LeastSquares(snncc.FS(K=16).code)
        observer.update(place, value)
        assert observer.result(place)[0] == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize(("low", "high"), [(-5.0, 1.0), (-1.0, 5.0)])
def test_the_input_is_as_large_as_its_end_farthest_from_zero(cnn, images, low, high):
    data = np.clip(images, low + 0.5, high - 0.5)
    data[3, 1, 2, 2], data[70, 0, 4, 4] = low, high
    assert scales_of(cnn, data).inputs == {"x": 5.0}
    assert scales_of(cnn, None, input_range=(low, high)).inputs == {"x": 5.0}


def test_every_normalisation_computes_the_same_function(cnn, images):
    fine = snncc.Phase(T=120, Q=1.05)
    images = images[:20]
    expected = activations(cnn, images, "y")[0]
    for normalize in ("channel", "layer", "none"):
        snn = snncc.convert(cnn, fine, calibration=images, scale="max", normalize=normalize, match=False)
        found = activations(snn, images, "y")[0]
        assert np.abs(found - expected).max() <= 0.05 * np.abs(expected).max()
        own = [n.input[1] for n in snn.graph.node if "OneSpike" in n.op_type]
        scales = [onnx.numpy_helper.to_array(t) for t in snn.graph.initializer if t.name in own]
        assert any(s.size > 1 for s in scales) == (normalize == "none")


def test_batches_are_not_kept(cnn):
    alive: list[weakref.ref] = []
    most = 0

    def stream():
        nonlocal most
        rng = np.random.default_rng(0)
        for _ in range(60):
            batch = rng.normal(size=(64, 2, 8, 8)).astype(np.float32)
            alive.append(weakref.ref(batch))
            yield batch
            del batch
            most = max(most, sum(r() is not None for r in alive))

    scales = scales_of(cnn, stream())
    assert scales.origin["samples"] == 60 * 64
    assert most <= 3
    assert sum(r() is not None for r in alive) <= 1


@pytest.mark.parametrize("method", [{"scale": "max"}, {"percentile": 99.0}, {}], ids=str)
def test_activations_that_overflow_are_refused(network, method):
    body = "g (float[N, 4] x) => (float[N, 3] y) { c = MatMul(x, W) r = Relu(c) d = MatMul(r, U) y = Relu(d) }"
    model = network(body, W=np.full((4, 5), 1e30), U=np.full((5, 3), 1e30))
    with pytest.raises(snncc.SnnccError, match="activation 'y' overflows to infinity or NaN"):
        scales_of(model, np.ones((8, 4), np.float32), **method)


@pytest.mark.parametrize(
    ("shape", "axis"), [((4, 3, 5, 7), 1), ((4, 3, 5, 7), 3), ((4, 6), 1), ((6, 4), 0), ((9,), None)]
)
def test_every_activation_counts_in_the_bin_that_holds_it(shape, axis):
    """A bin holds its lower edge; what is below the lowest is in none, what is above the highest in the last."""
    rng = np.random.default_rng(len(shape))
    value = np.float32(np.exp(rng.normal(-1, 6, shape)) * rng.choice([1, 1, 1, -1], shape))
    edges = (np.arange(48 * 32 + 1) + (np.float32(2.0**-24).view(np.int32) >> 18)).astype(np.int32) << 18
    edges = edges.view(np.float32).astype(np.float64)
    value.flat[:6] = [0, -0.0, edges[0], edges[700], np.nextafter(np.float32(edges[700]), np.float32(0)), 2.0**30]
    histogram = Percentile(99.0)
    site = ActivationSite("t", len(shape), axis)
    histogram.update(site, value)
    channels = [value.ravel()] if axis is None else list(np.moveaxis(value, axis, 0).reshape(shape[axis], -1))
    wanted = [np.histogram(np.minimum(c, edges[-2]), edges)[0] for c in map(np.float64, channels)]
    np.testing.assert_array_equal(histogram._counts["t"][:, 1:], wanted)
    assert histogram._counts["t"].sum() == value.size
