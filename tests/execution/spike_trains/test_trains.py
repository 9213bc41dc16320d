# SPDX-License-Identifier: Apache-2.0
"""The outputs of a network can be computed from its spike trains and synapses alone."""

from __future__ import annotations

import copy
import json

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from onnx import helper, numpy_helper

import snncc
from snncc.analysis.network_view import Network
from snncc.errors import DataError, OptionError
from snncc.evaluation.spike_counter import SpikeCounter
from snncc.execution.folded_form import to_folded
from snncc.execution.spike_trains import SpikeTrains, replay, spike_trains
from snncc.models import digits_network
from snncc.runtime import create_session


def run(model, inputs, extra=()):
    """Outputs of `model`, and the tensors `extra`, with sums in their order."""
    probed = copy.deepcopy(model)
    probed.graph.output.extend(onnx.ValueInfoProto(name=name) for name in extra)
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
    names = [v.name for v in probed.graph.output]
    feeds = {model.graph.input[0].name: inputs}
    return dict(zip(names, create_session(probed, device="cpu", options=options).run(names, feeds), strict=True))


def test_replay_gives_the_outputs(case, converted, images):
    model = converted(case)
    trains, outputs = spike_trains(model, images, device="cpu")
    expected = run(model, images)
    assert np.array_equal(outputs["logits"], expected["logits"])
    assert np.array_equal(replay(model, trains, device="cpu")["logits"], expected["logits"])
    assert trains.inputs == {}


def test_each_layer_sends_what_its_spikes_say(case, converted, images):
    model = to_folded(converted(case))
    trains, _ = spike_trains(converted(case), images, device="cpu")
    sent = run(model, images, [layer.tensor for layer in trains.layers])
    for layer in trains.layers:
        found = layer.sent()
        assert found.dtype == sent[layer.tensor].dtype
        assert np.array_equal(found, sent[layer.tensor])
        assert layer.shape[1:] == layer.spikes().shape[1:]
        assert len(layer.spikes()) == layer.shape[0]


def test_as_many_spikes_as_the_ops_count(case, converted, images):
    model = to_folded(converted(case))
    trains, _ = spike_trains(converted(case), images, device="cpu")
    counter = SpikeCounter(model, Network(model))
    found = run(counter.model, images)
    counter.add({name: found[name] for name in counter.names}, len(images))
    counts = {layer.tensor: layer for layer in counter.layers()}
    assert len(counts) == len(trains.layers)
    for layer in trains.layers:
        each = counts[layer.tensor].spikes * len(images)
        assert layer.count == round(each.sum())
        assert np.array_equal(layer.spikes().sum((0, 1)), np.round(each[0] if each.ndim > len(layer.sample) else each))
        assert layer.count > 0
        if (by_step := counts[layer.tensor].per_step) is not None:
            np.testing.assert_allclose(layer.spikes().reshape(layer.shape[0], -1).sum(1), by_step * len(images))


def test_a_file_holds_it_all(case, converted, images, tmp_path):
    model = converted(case)
    trains, outputs = spike_trains(model, images, device="cpu")
    content = trains.to_npz()
    assert content == trains.to_npz()
    (tmp_path / "trains.npz").write_bytes(content)
    for read in (SpikeTrains.from_npz(tmp_path / "trains.npz"), SpikeTrains.from_npz(content)):
        assert read.to_npz() == content
        assert np.array_equal(replay(model, read, device="cpu")["logits"], outputs["logits"])


def test_numpy_reads_the_file_without_snncc(converted, images, tmp_path):
    """What the docstring of the storage says, for neurons that send the sum of their spikes, and for MSAT's."""
    trains, _ = spike_trains(converted("phase"), images, device="cpu")
    (tmp_path / "trains.npz").write_bytes(trains.to_npz())
    file = np.load(tmp_path / "trains.npz")
    for entry, layer in zip(json.loads(str(file["index"]))["layers"], trains.layers, strict=True):
        key, (steps, samples, *sample) = entry["key"], file[f"{entry['key']}/shape"]
        neurons = int(np.prod(sample))
        fired = np.unpackbits(file[f"{key}/bits"], axis=-1, count=neurons).reshape(steps, samples, *sample)
        value = np.tensordot(file[f"{key}/worth"], fired, 1)
        if f"{key}/signs" in file:
            negative = np.unpackbits(file[f"{key}/signs"], axis=-1, count=neurons).reshape(-1, samples, *sample)
            value = np.where(negative[0], -value, value)
        np.testing.assert_allclose(value * file[f"{key}/scale"], layer.sent(), rtol=1e-6)
    assert "input_encoder/signs" in file
    trains, _ = spike_trains(converted("msat"), images, device="cpu")
    layer = SpikeTrains.from_npz(trains.to_npz()).layers[0]
    assert layer.values.shape == (layer.count,)
    assert layer.values.dtype == np.float32
    by_sample = layer.sent().reshape(layer.shape).swapaxes(0, 1)
    assert np.array_equal(layer.values, by_sample[by_sample > 0])


def test_signs_are_the_spikes_own(converted, images):
    trains, _ = spike_trains(converted("rate-signed"), images, device="cpu")
    taken_back = sum(int(np.unpackbits(layer.signs).sum()) for layer in trains.layers)
    assert 0 < taken_back < sum(layer.count for layer in trains.layers)
    for layer in trains.layers:
        assert not (layer.signs & ~layer.bits).any()
    trains, _ = spike_trains(converted("phase"), images - 0.5, device="cpu")
    encoder, *others = trains.layers
    assert encoder.signs.shape == (1, *encoder.bits.shape[1:])
    assert encoder.signs.any()
    assert not (encoder.signs[0] & ~np.bitwise_or.reduce(encoder.bits)).any()
    assert all(layer.signs is None for layer in others)


@pytest.mark.parametrize("case", ["msat", "phase-wait"])
def test_batches_make_no_difference(case, converted, images):
    whole, _ = spike_trains(converted(case), images, device="cpu")
    pieces, _ = spike_trains(converted(case), iter([images[:11], images[11:]]), device="cpu")
    assert whole.to_npz() == pieces.to_npz()
    few, outputs = spike_trains(converted(case), images, device="cpu", limit=7)
    assert few.samples == len(outputs["logits"]) == 7
    for layer, all_of_it in zip(few.layers, whole.layers, strict=True):
        assert np.array_equal(layer.sent(), all_of_it.of_samples(0, 7).sent())


@pytest.mark.parametrize("coding", [snncc.Rate(T=4), snncc.Phase(T=6, Q=1.5), snncc.FS(K=4)])
def test_outputs_that_the_input_reaches_past_all_neurons(coding):
    """y = V relu(W x) + U x: of a rate code the analog input is part of the output, of phases it is coded itself."""
    rng = np.random.default_rng(3)
    weights = {name: rng.normal(0, 1, shape) for name, shape in (("W", (3, 5)), ("V", (5, 4)), ("U", (3, 4)))}
    text = """<ir_version: 8, opset_import: ["": 17]> g (float[N, 3] x) => (float[N, 4] y)
    { a = MatMul (x, W) b = Relu (a) c = MatMul (b, V) d = MatMul (x, U) y = Add (c, d) }"""
    model = onnx.parser.parse_model(text)
    model.graph.initializer.extend(numpy_helper.from_array(v.astype(np.float32), k) for k, v in weights.items())
    data = rng.uniform(-1, 1, (70, 3)).astype(np.float32)
    spiking = snncc.convert(model, coding, calibration=data)
    trains, outputs = spike_trains(spiking, data, device="cpu")
    coded = any(layer.name.endswith("encoder") for layer in trains.layers)
    assert set(trains.inputs) == (set() if coded else {"x"})
    read = SpikeTrains.from_npz(trains.to_npz())
    assert np.array_equal(replay(spiking, read, device="cpu")["y"], outputs["y"])
    assert np.array_equal(outputs["y"], run(spiking, data)["y"])


@pytest.mark.parametrize(("coding", "batch"), [(snncc.Rate(T=4), "N"), (snncc.Phase(T=6, Q=1.5), 4)])
def test_outputs_of_neurons_and_a_fixed_batch(coding, batch):
    text = f"""<ir_version: 8, opset_import: ["": 17]> g (float[{batch}, 3] x) => (float[{batch}, 2] y)
    <float[3, 2] w = {{1, -1, 0.5, 0.25, -0.75, 2}}> {{ a = MatMul (x, w) y = Relu (a) }}"""
    data = np.random.default_rng(5).uniform(0, 1, (8, 3)).astype(np.float32)
    spiking = snncc.convert(onnx.parser.parse_model(text), coding, calibration=data, normalize="none", match=False)
    trains, outputs = spike_trains(spiking, data, device="cpu")
    assert outputs["y"].shape == (8, 2)
    assert np.array_equal(replay(spiking, trains, device="cpu")["y"], outputs["y"])


@pytest.mark.parametrize("coding", [snncc.Rate(T=4), snncc.Phase(T=6, Q=1.5), snncc.Phase(T=6, Q=1.5, wait=4)])
def test_networks_with_analog_islands(coding):
    rng = np.random.default_rng(4)
    weights = {name: rng.normal(0, 1, shape) for name, shape in (("W", (3, 5)), ("V", (5, 4)), ("U", (4, 4)))}
    text = """<ir_version: 8, opset_import: ["": 17]> g (float[N, 3] x) => (float[N, 4] y)
    { a = MatMul (x, W) b = Relu (a) c = MatMul (b, V) d = Softmax (c) e = MatMul (d, U) f = Relu (e) h = MatMul (f, U)
      y = Softmax (h) }"""
    model = onnx.parser.parse_model(text)
    model.graph.initializer.extend(numpy_helper.from_array(v.astype(np.float32), k) for k, v in weights.items())
    data = rng.uniform(-1, 1, (20, 3)).astype(np.float32)
    spiking = snncc.convert(model, coding, calibration=data)
    trains, outputs = spike_trains(spiking, data, device="cpu")
    assert np.array_equal(replay(spiking, trains, device="cpu")["y"], outputs["y"])
    assert np.array_equal(outputs["y"], run(spiking, data)["y"])


@pytest.mark.parametrize("coding", [snncc.Rate(T=4), snncc.MSAT(T=4), snncc.FS(K=4), snncc.Phase(T=4, Q=1.5)], ids=str)
def test_all_forms_have_the_same_trains(images, coding):
    made = [snncc.convert(digits_network(), coding, calibration=images, form=f) for f in ("folded", "loop", "step")]
    recorded = [spike_trains(model, images[:4], device="cpu") for model in made]
    for (trains, outputs), model in zip(recorded, made, strict=True):
        for layer, wanted in zip(trains.layers, recorded[0][0].layers, strict=True):
            assert (layer.name, layer.sends) == (wanted.name, wanted.sends)
            assert np.array_equal(layer.spikes(), wanted.spikes())
        assert np.array_equal(replay(model, trains, device="cpu")["logits"], outputs["logits"])
        assert np.array_equal(outputs["logits"], recorded[0][1]["logits"])


def test_refusals(converted, images, tmp_path):
    data = images[:2]
    for form in ("step", "loop"):
        model = snncc.convert(digits_network(), snncc.Phase(T=4, Q=1.5, wait=2), calibration=images, form=form)
        with pytest.raises(OptionError, match=f"in the form '{form}'.*form folded"):
            spike_trains(model, data, device="cpu")
    with pytest.raises(OptionError, match="no spiking neurons"):
        spike_trains(digits_network(), data, device="cpu")
    trains, _ = spike_trains(converted("fs"), data, device="cpu")
    with pytest.raises(DataError, match="another model"):
        replay(converted("phase"), trains, device="cpu")


def test_files_of_something_else(tmp_path, converted, images):
    path = tmp_path / "trains.npz"
    with pytest.raises(DataError, match="not a readable file"):
        SpikeTrains.from_npz(path)
    content = spike_trains(converted("fs"), images[:2], device="cpu")[0].to_npz()
    for damaged in (b"", b"nonsense", content[: len(content) // 2]):
        with pytest.raises(DataError, match="not a readable file"):
            SpikeTrains.from_npz(damaged)
    np.savez(path, a=np.zeros(3))
    with pytest.raises(DataError, match="no spike trains"):
        SpikeTrains.from_npz(path)
    np.save(tmp_path / "a.npy", np.zeros(3))
    with pytest.raises(DataError, match="no spike trains"):
        SpikeTrains.from_npz(tmp_path / "a.npy")
    np.savez(path, index=np.array(json.dumps({"format": 99})))
    with pytest.raises(DataError, match="format 99"):
        SpikeTrains.from_npz(path)


def test_half_precision(images):
    """Every op rounds what it sends to the element type of its potential, which the spikes alone must give again."""
    rng = np.random.default_rng(9)
    x = rng.normal(0, 1, (6, 12)).astype(np.float16)
    levels = (1.5 ** -np.arange(5.0)).tolist()
    for op, attributes in (
        ("OneSpikeNeuron", {"levels": levels, "thresholds": levels}),
        ("FSNeuron", {"thresholds": levels, "resets": levels, "values": levels, "initial": 0.01}),
    ):
        node = helper.make_node(op, ["x", "scale"], ["s"], domain="ai.snncc", name="n", **attributes)
        out = helper.make_node("Neg", ["s"], ["y"], name="neg")
        value = helper.make_tensor_value_info
        kind = onnx.TensorProto.FLOAT16
        scale = numpy_helper.from_array(np.array([0.3], np.float32), "scale")
        graph = helper.make_graph(
            [node, out], "g", [value("x", kind, ["N", 12])], [value("y", kind, ["N", 12])], [scale]
        )
        opsets = [helper.make_opsetid("", 17), helper.make_opsetid("ai.snncc", 1)]
        model = helper.make_model(graph, opset_imports=opsets, ir_version=8)
        trains, outputs = spike_trains(model, x, device="cpu")
        assert trains.layers[0].dtype == np.float16
        assert np.array_equal(replay(model, trains, device="cpu")["y"], outputs["y"])
