# SPDX-License-Identifier: Apache-2.0
"""Spikes and synaptic operations against a reference count in plain loops."""

from __future__ import annotations

from itertools import product

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from onnx import helper, numpy_helper

from snncc import FS, MSAT, Phase, Rate, ops
from snncc.analysis.network_view import Network
from snncc.errors import UnsupportedShapeError
from snncc.evaluation.energy import FLOAT32, INT8
from snncc.evaluation.operations import measure
from snncc.evaluation.spike_counter import SpikeCounter


def neurons_of(model):
    """(tensor, its producer) of the encoder and of the three neurons after it."""
    nodes = [n for n in model.graph.node if n.domain == "ai.snncc"]
    return [(n.output[0], n) for n in nodes]


def count_one_by_one(model, images):
    """Spike counts [samples, ...] of each neuron tensor: a hidden neuron fires once wherever its value is not 0."""
    tensors = neurons_of(model)
    shown = onnx.ModelProto()
    shown.CopyFrom(model)
    names = [t for t, _ in tensors]
    shown.graph.output.extend(helper.make_tensor_value_info(t, 1, None) for t in names)
    values = ort.InferenceSession(shown.SerializeToString()).run(names, {"x": images})
    counts = [(v != 0).astype(int) for v in values]
    encoder = tensors[0][1]
    scale = next(numpy_helper.to_array(t) for t in model.graph.initializer if t.name == encoder.input[1])
    attributes = {a.name: helper.get_attribute_value(a) for a in encoder.attribute}
    counts[0] = ops.get(encoder.op_type).reference([images, scale], attributes)[1]
    return dict(zip(names, counts, strict=True))


def conv_operations(spikes, channels, group, stride, pads, kernel, out):
    """One addition for every spike at every tap of every output neuron; pads are (top, left)."""
    per_group_in, per_group_out = spikes.shape[0] // group, channels // group
    operations = 0
    for oc, oy, ox in product(range(channels), *map(range, out)):
        for ic, ky, kx in product(range(per_group_in), *map(range, kernel)):
            y, x = oy * stride + ky - pads[0], ox * stride + kx - pads[1]
            if 0 <= y < spikes.shape[1] and 0 <= x < spikes.shape[2]:
                operations += spikes[(oc // per_group_out) * per_group_in + ic, y, x]
    return operations


def pooled(spikes):
    """How many spikes arrive in each window of the 2x2 average pool with stride 1."""
    return spikes[:, :-1, :-1] + spikes[:, 1:, :-1] + spikes[:, :-1, 1:] + spikes[:, 1:, 1:]


def operations_one_by_one(encoded, first, second, third):
    total = conv_operations(encoded, 4, 1, 1, (1, 1), (3, 3), (6, 7))
    total += conv_operations(pooled(first), 4, 2, 2, (1, 0), (3, 2), (3, 3))
    total += conv_operations(second, 4, 1, 1, (0, 0), (1, 1), (3, 3))
    total += second.sum()  # through the identity synapses of the residual sum
    return total + 7 * third.sum()


def run_counter(model, images, size):
    network = Network(model)
    counter = SpikeCounter(model, network)
    session = ort.InferenceSession(counter.model.SerializeToString())
    for start in range(0, len(images), size):
        batch = images[start : start + size]
        outputs = session.run(counter.names, {"x": batch})
        counter.add(dict(zip(counter.names, outputs, strict=True)), len(batch))
    return counter


@pytest.mark.parametrize("size", [12, 5, 1])
def test_every_spike_is_counted(snn, images, size):
    expected = count_one_by_one(snn, images)
    layers = run_counter(snn, images, size).layers()
    assert [layer.encoder for layer in layers] == [True, False, False, False]
    for layer in layers:
        np.testing.assert_array_equal(layer.spikes * len(images), expected[layer.tensor].sum(axis=0, keepdims=True))
        assert layer.peak == expected[layer.tensor].max()
        assert layer.neurons == expected[layer.tensor][0].size
    assert max(layer.peak for layer in layers[1:]) == 1 < layers[0].peak


def test_every_synaptic_operation_is_counted(ann, snn, images):
    counts = list(count_one_by_one(snn, images).values())
    operations = [operations_one_by_one(*(c[i] for c in counts)) for i in range(len(images))]
    energy = measure(Network(snn), Network(ann), run_counter(snn, images, 12).layers(), {})
    assert energy.synaptic_operations * len(images) == pytest.approx(sum(operations), rel=1e-12)


def test_macs_and_the_papers_formula(ann, snn, images):
    layers = run_counter(snn, images, 12).layers()
    energy = measure(Network(snn), Network(ann), layers, {})
    ones = [np.ones(s, int) for s in ((3, 6, 7), (4, 5, 6), (4, 3, 3))]
    macs = [
        conv_operations(ones[0], 4, 1, 1, (1, 1), (3, 3), (6, 7)),
        conv_operations(ones[1], 4, 2, 2, (1, 0), (3, 2), (3, 3)),
        conv_operations(ones[2], 4, 1, 1, (0, 0), (1, 1), (3, 3)),
        36 * 7,
    ]
    assert [layer.macs for layer in energy.layers] == macs
    assert energy.ann_macs == sum(macs)
    assert energy.analog_macs == 0
    rates = [layer.total / layer.neurons for layer in layers]
    assert [layer.rate for layer in energy.layers] == pytest.approx(rates)
    additions = sum(m * r for m, r in zip(macs, rates, strict=True))
    assert energy.formula_gain() == pytest.approx(4.6 / 0.9 * sum(macs) / additions)
    assert energy.gain(INT8) == pytest.approx(0.23 * sum(macs) / (0.03 * energy.synaptic_operations))
    assert energy.ann(FLOAT32) == pytest.approx(4.6 * sum(macs))
    assert energy.few_bits(32) == energy.few_bits(40) == pytest.approx(energy.ann())
    assert energy.few_bits_gain(5) == pytest.approx((0.9 + 3.7 * 5 / 32) * sum(macs) / energy.snn())


@pytest.mark.parametrize(
    ("coding", "bits"),
    [
        (Phase(T=15), 4),
        (Phase(T=16), 5),
        (Phase(T=4, Q=1.5, spikes=4), 4),
        (Phase(T=5, Q=1.5, spikes=2), 4),
        (Rate(T=31), 5),
        (Rate(T=32), 6),
        (MSAT(T=64), 7),
        (FS(K=8), 8),
    ],
    ids=["15 phases", "16 phases", "4 spikes", "2 spikes", "31 steps", "32 steps", "msat", "fs"],
)
def test_bits_count_the_value_of_no_spike(coding, bits):
    """One spike in one of 16 phases, or none, makes 17 values; all subsets of 4 phases make 16."""
    assert coding.bits == bits


def test_layers_fed_by_analog_values_cost_macs(ann, images):
    import snncc

    model = snncc.convert(ann, snncc.Phase(T=16, Q=1.3, input="analog"), calibration=images)
    layers = run_counter(model, images, 12).layers()
    energy = measure(Network(model), Network(ann), layers, {})
    assert not any(layer.encoder for layer in layers)
    assert energy.layers[0].rate is None
    assert energy.analog_macs == energy.layers[0].macs > 0
    assert energy.snn() == pytest.approx(4.6 * energy.analog_macs + 0.9 * energy.synaptic_operations)


def test_the_instrumented_copy_gives_the_same_outputs(snn, images):
    counter = run_counter(snn, images, 12)
    onnx.checker.check_model(counter.model, full_check=True)
    plain, counting = (ort.InferenceSession(m.SerializeToString()) for m in (snn, counter.model))
    np.testing.assert_array_equal(plain.run(["y"], {"x": images})[0], counting.run(["y"], {"x": images})[0])
    assert len(snn.graph.output) == 1


def test_a_neuron_without_a_batch_axis_is_refused(snn):
    model = onnx.ModelProto()
    model.CopyFrom(snn)
    model.graph.input[0].type.tensor_type.shape.dim[0].dim_param = "N"
    network = Network(model)
    network._shapes = {k: (2, *v[1:]) for k, v in network._shapes.items()}
    with pytest.raises(UnsupportedShapeError, match="its first axis is no batch"):
        SpikeCounter(model, network)


def test_depth_leaves_the_encoder_out(snn):
    network = Network(snn)
    hidden = [n.name for n in network.neurons if n not in network.encoders]
    assert network.longest(lambda node: node.name in hidden) == 3
