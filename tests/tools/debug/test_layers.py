# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json
import logging
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import numpy_helper, parser

import snncc
from snncc.analysis.cpu_session import cpu_session
from snncc.errors import DataError, ModelError, OptionError
from snncc.ir.metadata import metadata_of
from snncc.models import digits_network
from snncc.models.digits import load_digits

HEAD = '<ir_version: 10, opset_import: ["": 21]>'
ISLAND = (
    "net (float[N,5] x) => (float[N,3] y)"
    "{ a = Gemm (x, A) r = Relu (a) b = Gemm (r, B) s = Sigmoid (b) m = Mul (r, s) c = Gemm (m, B) q = Relu (c)"
    " y = Gemm (q, C) }"
)
SILU = "net (float[N,5] x) => (float[N,3] y) { a = Gemm (x, A) s = Sigmoid (a) r = Mul (a, s) y = Gemm (r, C) }"
MESSAGES = (
    "net (float[N,6,5] x) => (float[N,6,3] y) { p = MatMul (x, A) q = MatMul (E, p) r = Relu (q) y = MatMul (r, C) }"
)
FEW, PHASE = snncc.FS(K=8), snncc.Phase(T=8, Q=1.5)

CASES: dict[str, tuple[Any, dict[str, Any], str | None]] = {
    "phase": (PHASE, {}, None),
    "phase, layers": (PHASE, {"normalize": "layer", "scale": "max"}, None),
    "phase, own scales": (PHASE, {"normalize": "none"}, None),
    "phase, BN in thresholds": (PHASE, {"fold_bn": "threshold"}, None),
    "phase, early": (snncc.Phase(T=8, Q=1.5, wait=6), {}, None),
    "phase, analog input": (snncc.Phase(T=8, Q=1.5, input="analog"), {}, None),
    "phase, island": (PHASE, {}, ISLAND),
    "phase, messages": (PHASE, {}, MESSAGES),
    "few spikes": (FEW, {}, None),
    "few spikes, SiLU": (FEW, {}, SILU),
    "rate": (snncc.Rate(T=6), {}, None),
    "rate, signed": (snncc.Rate(T=6, signed=True), {"fold_bn": "threshold"}, None),
    "rate, waiting": (snncc.Rate(T=6, wait=6), {}, None),
    "rate, anytime": (snncc.Rate(T=6), {"anytime": True}, None),
    "rate, loop": (snncc.Rate(T=6), {"form": "loop"}, None),
    "rate, messages": (snncc.Rate(T=6), {}, MESSAGES),
    "msat": (snncc.MSAT(T=6), {}, None),
    "msat, loop": (snncc.MSAT(T=6), {"form": "loop"}, None),
}


def network(text: str | None) -> onnx.ModelProto:
    if text is None:
        return onnx.load_model_from_string(digits_network())
    model, rng = parser.parse_model(HEAD + text), np.random.default_rng(2)
    used = {name for n in model.graph.node for name in n.input}
    for name, shape in {"A": (5, 8), "B": (8, 8), "C": (8, 3), "E": (6, 6)}.items():
        value = rng.normal(0, 0.6, shape).astype(np.float32)
        value = np.triu(np.tril(value, 1), -1) if name == "E" else value
        if name in used:
            model.graph.initializer.append(numpy_helper.from_array(value, name))
    return model


def samples(model: onnx.ModelProto, count: int, seed: int) -> np.ndarray:
    shape = [d.dim_value for d in model.graph.input[0].type.tensor_type.shape.dim[1:]]
    if shape == [1, 8, 8]:
        data = load_digits()
        return (data.train_images if seed else data.test_images)[:count]
    return np.random.default_rng(seed).normal(0, 1, (count, *shape)).astype(np.float32)


@pytest.fixture(params=CASES)
def converted(request):
    """(SNN, ANN): conversions that leave every weight what it was, except for scales."""
    coding, options, text = CASES[request.param]
    ann = network(text)
    return snncc.convert(ann, coding, calibration=samples(ann, 100, 1), match=False, **options), ann


@pytest.fixture(scope="module")
def phase():
    ann = network(None)
    return snncc.convert(ann, PHASE, calibration=samples(ann, 200, 1)), ann


def test_with_all_layers_exact_the_network_is_the_ann(converted):
    snn, ann = converted
    data = samples(ann, 40, 0)
    found = snncc.debug_layers(snn, ann, data, limit=30, device="cpu")
    assert found.samples == 30
    assert found.exact_error < 1e-5 < 0.005 < found.output_error
    assert {x.name for x in found.layers if x.replaces} == set(expected_layers(snn))
    for layer in found.layers:
        assert layer.magnitude > 0
        assert layer.own_snr > 10 or layer.op == "MSATNeuron"
        assert layer.snr < layer.own_snr + 3 or layer.snr == layer.own_snr == np.inf  # an input on a grid is exact
        assert layer.output_error >= found.exact_error
    ranked = [x.own_snr for x in found.layers]
    assert ranked == sorted(ranked)


def expected_layers(snn: onnx.ModelProto) -> list[str]:
    return [name for name, entry in metadata_of(snn)["snncc.neurons"].items() if entry["replaces"]]


def test_figures_are_those_of_recorded_spikes_and_of_the_ann_itself(phase):
    snn, ann = phase
    images = samples(ann, 25, 0)
    found = {x.name: x for x in snncc.debug_layers(snn, ann, images, device="cpu").layers}
    trains, _ = snncc.spike_trains(snn, images, device="cpu")
    entries = metadata_of(snn)["snncc.neurons"]
    for layer in trains.layers:
        entry = entries[layer.name]
        if entry["replaces"] is None:
            continue
        relu = next(n for n in ann.graph.node if n.name == entry["replaces"])
        a = cpu_session(ann, [relu.output[0]]).run(None, {"input": images})[0].astype(np.float64)
        decoded = layer.sent() * np.array(entry["unit"])
        snr = 10 * np.log10((a**2).sum() / ((decoded - a) ** 2).sum())
        assert found[layer.name].snr == pytest.approx(snr, abs=0.05)
        assert found[layer.name].magnitude == pytest.approx(np.abs(a).mean(), rel=1e-5)
        assert found[layer.name].neurons == a[0].size
    first = found["stem.relu_neuron"]
    assert first.snr == pytest.approx(first.own_snr, abs=0.05)  # nothing but the input's code lies before it


def test_a_layer_that_is_at_fault_comes_first_and_is_missed_most(phase):
    snn, ann = onnx.ModelProto(), phase[1]
    snn.CopyFrom(phase[0])
    node = next(n for n in snn.graph.node if n.name == "block.a.relu_neuron")
    for attribute in node.attribute:
        if attribute.name == "thresholds":
            attribute.floats[:] = [2.5 * value for value in attribute.floats]
    found = snncc.debug_layers(snn, ann, samples(ann, 50, 0), device="cpu")
    assert found.layers[0].name == "block.a.relu_neuron"
    assert found.layers[0].own_snr < found.layers[1].own_snr - 6
    assert found.layers[0].output_error < 0.2 * found.output_error


def test_what_cannot_be_a_number_in_json_is_null():
    text = "net (float[N,5] x) => (float[N,3] y) { a = Gemm (x, A) b = Sub (a, h) r = Relu (b) y = Gemm (r, C) }"
    ann = network(text)
    ann.graph.initializer.append(numpy_helper.from_array(np.full(8, 100, np.float32), "h"))
    snn = snncc.convert(ann, FEW, input_range=(-1, 1))
    found = snncc.debug_layers(snn, ann, samples(ann, 4, 0)).to_json()
    layer = found["layers"][0]
    assert (layer["snr"], layer["own_snr"], layer["magnitude"]) == (None, None, 0)
    json.dumps(found, allow_nan=False)


def changed(model: onnx.ModelProto, edit: Any) -> onnx.ModelProto:
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    entry = next(p for p in copy.metadata_props if p.key == "snncc.neurons")
    neurons = json.loads(entry.value)
    edit(neurons)
    entry.value = json.dumps(neurons)
    return copy


@pytest.mark.parametrize(
    ("edit", "reason"),
    [
        (lambda neurons: neurons["stem.relu_neuron"].pop("unit"), "do not say what the spikes"),
        (lambda neurons: neurons.pop("stem.relu_neuron"), "do not say what the spikes"),
        (lambda neurons: neurons["stem.relu_neuron"].update(unit=[0.0]), "do not say what the spikes"),
        (lambda neurons: neurons["stem.relu_neuron"].update(unit="much"), "do not say what the spikes"),
        (lambda neurons: neurons["stem.relu_neuron"].update(unit=[1.0, 2.0]), "has no layer 'stem.relu' like"),
        (lambda neurons: neurons["stem.relu_neuron"].update(replaces="elsewhere"), "has no layer 'elsewhere' like"),
    ],
)
def test_metadata_that_do_not_say_enough_are_refused(phase, edit, reason):
    snn, ann = phase
    with pytest.raises(ModelError, match=reason):
        snncc.debug_layers(changed(snn, edit), ann, samples(ann, 4, 0))


def test_what_does_not_fit_is_refused(phase):
    snn, ann = phase
    images = samples(ann, 4, 0)
    with pytest.raises(ModelError, match="already converted"):
        snncc.debug_layers(snn, snn, images)
    with pytest.raises(DataError):
        snncc.debug_layers(snn, ann, images[:, :, :5])
    with pytest.raises(OptionError, match="at least one sample"):
        snncc.debug_layers(snn, ann, images, limit=0)
    step = snncc.convert(ann, snncc.Phase(T=4, wait=2), form="step", input_range=(0, 1))
    with pytest.raises(ModelError, match="fire before their input is complete"):
        snncc.debug_layers(step, ann, images)
    bare = onnx.ModelProto()
    bare.CopyFrom(snn)
    del bare.metadata_props[:]
    with pytest.raises(ModelError, match="name no coding"):
        snncc.debug_layers(bare, ann, images)


def test_another_network_than_the_source_is_noticed(phase, caplog):
    snn, ann = phase
    other = onnx.ModelProto()
    other.CopyFrom(ann)
    other.graph.name = "other"
    with caplog.at_level(logging.WARNING):
        snncc.debug_layers(snn, other, samples(ann, 4, 0))
    assert "converted from another model" in caplog.text
