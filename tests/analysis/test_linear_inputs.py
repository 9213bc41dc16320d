# SPDX-License-Identifier: Apache-2.0
"""The share of the operations that read sums of synapses, and the neurons that stand there by default."""

from __future__ import annotations

import json

import numpy as np
import onnx
import pytest
from onnx import numpy_helper, parser

import snncc
from snncc.analysis.linear_inputs import share_of_analog_inputs
from snncc.frontend.import_model import import_model
from snncc.tools.check.run import run_checks

BLOCKS = """
    a = Conv (x, A) b = Relu (a)
    c = Conv (b, P) {middle}
    d = Conv (e, E) f = Clip (d, low, six)
    g = Conv (f, Q) h = Add (e, g)
    i = Conv (h, E) j = Relu (i)
    k = GlobalAveragePool (j) l = Flatten (k) y = Gemm (l, V)
"""
SHAPES = {"A": (4, 3, 1, 1), "P": (4, 4, 1, 1), "E": (16, 4, 1, 1), "Q": (4, 16, 1, 1), "V": (16, 5)}


def bottlenecks(middle: str = "e = Identity (c)") -> onnx.ModelProto:
    """Two linear bottlenecks, the second behind a sum; `middle` is what the first one is."""
    rng = np.random.default_rng(1)
    head = "<float low = {0.0}, float six = {6.0}>"
    text = f"g (float[N, 3, 6, 6] x) => (float[N, 5] y) {head} {{ {BLOCKS.format(middle=middle)} }}"
    model = parser.parse_model(f'<ir_version: 10, opset_import: ["": 21]>\n{text}')
    for name, shape in SHAPES.items():
        value = rng.normal(0.05, 1 / np.sqrt(np.prod(shape[1:])), shape).astype(np.float32)
        model.graph.initializer.append(numpy_helper.from_array(value, name))
    return model


def neurons(snn: onnx.ModelProto) -> int:
    recorded = json.loads({p.key: p.value for p in snn.metadata_props}["snncc.neurons"])
    return sum(entry["replaces"] is not None for entry in recorded.values())


@pytest.fixture
def images() -> np.ndarray:
    return np.random.default_rng(2).normal(0, 1, (64, 3, 6, 6)).astype(np.float32)


@pytest.mark.parametrize(
    ("middle", "operations"),
    [
        ("e = Identity (c)", 2 * 64),
        ("e = Relu (c)", 64),  # the sum behind it is still a sum of synapses
        ("t = Transpose <perm = [0, 1, 3, 2]> (c) e = Mul (t, half)", 2 * 64),
    ],
)
def test_share_of_operations(middle, operations):
    """Convolutions of 1 x 1, 36 pixels: 12 + 16 + 64 + 64 + 64 products each, and a Gemm of 80."""
    model = bottlenecks(middle)
    model.graph.initializer.append(numpy_helper.from_array(np.float32([0.5]), "half"))
    graph = import_model(model, "m")
    assert share_of_analog_inputs(graph) == pytest.approx(36 * operations / (36 * (12 + 16 + 3 * 64) + 80))


@pytest.mark.parametrize(
    ("coding", "option", "sites"),
    [
        (snncc.Phase(T=16), None, 5),
        (snncc.Phase(T=16), False, 3),
        (snncc.Phase(T=16, wait=12), None, 3),  # no signs before all input is there
        (snncc.FS(K=8), None, 3),  # no neurons of both signs
        (snncc.FS(K=8), True, 7),  # but pairs of opposite polarity
        (snncc.Phase(T=16, Q=1.3), True, 5),
    ],
    ids=repr,
)
def test_neurons_stand_where_synapses_read_sums(coding, option, sites, images):
    model = bottlenecks()
    snn = snncc.convert(model, coding, calibration=images, spike_linear=option)
    assert neurons(snn) == sites
    assert [result for result in run_checks(snn, model, images) if not result.passed] == []


def test_everything_that_reads_the_sum_reads_its_spikes(images):
    """With analog input and fine levels the outputs are near the ANN's; the residual Add reads spikes, too."""
    model = bottlenecks()
    snn = snncc.convert(model, snncc.Phase(T=24, spikes=2, input="analog"), calibration=images)
    found = snncc.evaluate(snn, model, images)
    assert found.output_error < 0.05
    spikes: set[str] = set()
    for node in snn.graph.node:
        if node.domain == "ai.snncc" or (node.op_type == "Mul" and spikes & set(node.input)):
            spikes.add(node.output[0])
    assert any(spikes & set(node.input) for node in snn.graph.node if node.op_type == "Add")


def test_networks_of_relus_are_unchanged(images):
    model = bottlenecks("e = Relu (c)")
    made = [snncc.convert(model, snncc.Phase(T=8), calibration=images, spike_linear=each) for each in (None, False)]
    assert made[0].SerializeToString(deterministic=True) == made[1].SerializeToString(deterministic=True)
