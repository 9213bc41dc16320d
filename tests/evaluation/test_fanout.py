# SPDX-License-Identifier: Apache-2.0
"""Fan-outs against onnxruntime: with all weights 1, the outputs of a one-hot sample add up to its element's fan-out."""

from __future__ import annotations

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from onnx import helper, numpy_helper, parser

from snncc import ops
from snncc.analysis.network_view import Network
from snncc.errors import ModelError
from snncc.evaluation.fanout import fanouts, macs

TABLES = "levels = [1.0, 0.5], thresholds = [0.75, 0.375]"
# A neuron of up to two spikes: the whole fan-out lies before a max pool, which then is no gate.
TWICE = f"{TABLES}, last_thresholds = [0.75, 0.375], max_spikes = 2, signed = 0"


def model_of(body: str, inputs: str, shapes: dict[str, tuple[int, ...]], constants: dict[str, list] | None = None):
    """A model whose weights (all 1) have the given shapes; `body` reads s, the spikes of a neuron on input x."""
    text = f"""<ir_version: 10, opset_import: ["": 21, "ai.snncc": 1]>
    g (float[{inputs}] x) => (y) {{ s = ai.snncc.PhaseNeuron <{TWICE}> (x, scale) {body} }}"""
    model = parser.parse_model(text)
    shapes = {"scale": (1,), **shapes}
    model.graph.initializer.extend(numpy_helper.from_array(np.ones(v, np.float32), k) for k, v in shapes.items())
    constants = {k: np.array(v, np.int64) for k, v in (constants or {}).items()}
    model.graph.initializer.extend(numpy_helper.from_array(v, k) for k, v in constants.items())
    model.functions.append(ops.get("PhaseNeuron").function(2, 21))
    return model


def measured(model: onnx.ModelProto, shape: tuple[int, ...]) -> np.ndarray:
    """Sum of the outputs for every one-hot sample, with the neuron taken out."""
    bare = onnx.ModelProto()
    bare.CopyFrom(model)
    neuron = next(n for n in bare.graph.node if n.domain)
    neuron.CopyFrom(helper.make_node("Identity", ["x"], ["s"]))
    session = ort.InferenceSession(bare.SerializeToString(), providers=["CPUExecutionProvider"])
    hot = np.eye(int(np.prod(shape)), dtype=np.float32).reshape(-1, *shape)
    return np.array([session.run(None, {"x": h[None]})[0].sum() for h in hot]).reshape(1, *shape)


CONVS = {
    "plain": ("Conv (s, w)", (3, 5, 7), (4, 3, 3, 3)),
    "stride, dilation, uneven pads": (
        "Conv <strides=[2,1], dilations=[1,2], pads=[1,0,2,3]> (s, w)",
        (3, 6, 7),
        (4, 3, 3, 3),
    ),
    "grouped": ("Conv <group=2, pads=[1,1,1,1]> (s, w)", (4, 5, 5), (6, 2, 3, 3)),
    "depthwise": ("Conv <group=3, strides=[2,2]> (s, w)", (3, 5, 6), (3, 1, 2, 2)),
    "same upper": ('Conv <auto_pad="SAME_UPPER", strides=[2,2]> (s, w)', (2, 5, 6), (3, 2, 4, 3)),
    "same lower": ('Conv <auto_pad="SAME_LOWER", strides=[2,2]> (s, w)', (2, 5, 6), (3, 2, 4, 3)),
    "valid": ('Conv <auto_pad="VALID", strides=[3,2]> (s, w)', (2, 5, 6), (3, 2, 2, 2)),
    "one axis": ("Conv <strides=[2], pads=[1,0]> (s, w)", (2, 9), (3, 2, 3)),
    "three axes": ("Conv <pads=[1,1,0,1,1,1]> (s, w)", (2, 3, 4, 3), (2, 2, 2, 3, 2)),
    "transposed": ("ConvTranspose <strides=[2,3], pads=[1,0,0,2]> (s, w)", (3, 4, 3), (3, 2, 3, 4)),
    "transposed grouped": (
        "ConvTranspose <group=2, output_padding=[1,0], strides=[2,1]> (s, w)",
        (4, 3, 3),
        (4, 3, 3, 2),
    ),
    "transposed same": ('ConvTranspose <auto_pad="SAME_UPPER", strides=[2,2]> (s, w)', (2, 3, 4), (2, 2, 3, 3)),
    "Gemm": ("Gemm (s, w)", (6,), (6, 5)),
    "Gemm transposed": ("Gemm <transB=1> (s, w)", (6,), (5, 6)),
    "MatMul": ("MatMul (s, w)", (4, 6), (6, 5)),
    "MatMul from the left": ("MatMul (w, s)", (4, 6), (3, 4)),
    "MatMul broadcast": ("MatMul (s, w)", (1, 4, 6), (3, 6, 5)),
    "MatMul vector": ("MatMul (s, w)", (4, 6), (6,)),
}
CHAINS = {
    "max pool": ("y = MaxPool <kernel_shape=[3,2], strides=[2,1], pads=[1,0,1,1]> (s)", (2, 5, 6), {}, {}),
    "max pool ceil": ("y = MaxPool <kernel_shape=[3,3], strides=[2,2], ceil_mode=1> (s)", (2, 6, 6), {}, {}),
    "pool into conv": (
        "p = MaxPool <kernel_shape=[3,3], strides=[2,2], ceil_mode=1> (s) y = Conv <pads=[1,1,1,1]> (p, w)",
        (2, 6, 7),
        {"w": (4, 2, 3, 3)},
        {},
    ),
    "reduce into gemm": (
        "r = ReduceSum <keepdims=0> (s, axes) y = Gemm (r, w)",
        (3, 4, 5),
        {"w": (3, 7)},
        {"axes": [-1, 2]},
    ),
    "global max pool": ("p = GlobalMaxPool (s) f = Flatten (p) y = Gemm (f, w)", (3, 4, 5), {"w": (3, 7)}, {}),
    "slice and pad": (
        "a = Slice (s, starts, ends, axes, steps) p = Pad (a, pads) y = Conv (p, w)",
        (2, 6, 5),
        {"w": (4, 4, 2, 2)},
        {"starts": [0, 1], "ends": [6, 5], "axes": [2, 3], "steps": [2, 1], "pads": [0, 1, 0, 1, 0, 1, 1, 0]},
    ),
    "reflecting pad": (
        'p = Pad <mode="reflect"> (s, pads) y = Conv (p, w)',
        (2, 4, 4),
        {"w": (3, 2, 2, 2)},
        {"pads": [0, 0, 1, 2, 0, 0, 0, 1]},
    ),
    "transpose, reshape": (
        "t = Transpose <perm=[0,2,3,1]> (s) r = Reshape (t, shape) y = MatMul (r, w)",
        (3, 4, 2),
        {"w": (24, 5)},
        {"shape": [0, -1]},
    ),
    "squeeze": (
        "q = Squeeze (s, axes) u = Unsqueeze (q, axes) y = Conv (u, w)",
        (3, 4, 1),
        {"w": (2, 3, 3, 1)},
        {"axes": [3]},
    ),
    "both sides": (
        "a = Conv (s, w) b = MaxPool <kernel_shape=[3,3]> (s) y = Sum (a, b)",
        (3, 5, 5),
        {"w": (3, 3, 3, 3)},
        {},
    ),
    "concat": (
        "a = MaxPool <kernel_shape=[2,2], strides=[2,2]> (s) b = Slice (s, starts, ends, axes) "
        "c = Concat <axis=1> (a, b) y = Conv (c, w)",
        (2, 6, 6),
        {"w": (5, 4, 2, 2)},
        {"starts": [3, 3], "ends": [6, 6], "axes": [2, 3]},
    ),
    "broadcast add": ("p = GlobalMaxPool (s) a = Add (p, s) y = Conv (a, w)", (2, 3, 3), {"w": (4, 2, 2, 2)}, {}),
    "scaled": (
        "a = Mul (s, v) b = Div (v, v) c = Add (a, b) y = Conv (c, w)",
        (2, 3, 3),
        {"w": (4, 2, 2, 2), "v": (2, 1, 1)},
        {},
    ),
}


@pytest.mark.parametrize("name", CONVS)
def test_synapses(name):
    op, shape, weight = CONVS[name]
    axes = ",".join(map(str, ("N", *shape)))
    model = model_of(f"y = {op}", axes, {"w": weight})
    network = Network(model)
    expected = measured(model, shape)
    np.testing.assert_array_equal(fanouts(network)["s"], expected)
    assert macs(network, network.nodes[-1]) == expected.sum()


@pytest.mark.parametrize("name", CHAINS)
def test_what_passes_spikes_on(name):
    body, shape, weights, constants = CHAINS[name]
    model = model_of(body, ",".join(map(str, ("N", *shape))), weights, constants)
    expected = measured(model, shape)
    if name == "both sides":  # the sum is analog on one side: a pooled spike ends there, once per window
        assert Network(model).spiking == {"s", "b"}
    if name == "scaled":  # Div(v, v) adds a constant to every output
        zero = np.zeros((1, *shape), np.float32)
        expected = expected - measured_at(model, zero)
    np.testing.assert_array_equal(fanouts(Network(model))["s"], expected)


def measured_at(model, sample):
    bare = onnx.ModelProto()
    bare.CopyFrom(model)
    next(n for n in bare.graph.node if n.domain).CopyFrom(helper.make_node("Identity", ["x"], ["s"]))
    return ort.InferenceSession(bare.SerializeToString()).run(None, {"x": sample})[0].sum()


def test_average_pools_count_windows_like_max_pools():
    for mean, peak, given in (
        (
            "AveragePool <kernel_shape=[3,2], strides=[2,1], count_include_pad=1, pads=[1,0,1,0]> (s)",
            "MaxPool <kernel_shape=[3,2], strides=[2,1], pads=[1,0,1,0]> (s)",
            {},
        ),
        ("GlobalAveragePool (s)", "GlobalMaxPool (s)", {}),
        ("ReduceMean (s, axes)", "GlobalMaxPool (s)", {"axes": [2, 3]}),
    ):
        models = [model_of(f"p = {op} y = Conv (p, w)", "N,2,5,6", {"w": (3, 2, 1, 1)}, given) for op in (mean, peak)]
        first, second = (fanouts(Network(m))["s"] for m in models)
        np.testing.assert_array_equal(first, second)


def test_a_spike_into_an_analog_sum_or_a_neuron_costs_one():
    body = f"""c = Conv (x, w) a = Add (c, s) r = ai.snncc.OneSpikeNeuron <{TABLES}> (a, scale)
    q = ai.snncc.ResidualOneSpikeNeuron <{TABLES}> (c, scale, r, scale) d = Conv (a, w) y = Add (q, d)"""
    network = Network(model_of(body, "N,2,4,4", {"w": (2, 2, 1, 1)}))
    assert network.spiking == {"s", "r", "q"}
    costs = fanouts(network)
    assert {k: set(v.ravel()) for k, v in costs.items()} == {"s": {1}, "r": {1}, "q": {1}}


def test_a_spike_that_leaves_the_network_costs_one():
    network = Network(model_of("y = Identity (s)", "N,3", {}))
    np.testing.assert_array_equal(fanouts(network)["s"], [[1, 1, 1]])


def test_sources_of_a_concat():
    body = f"r = ai.snncc.OneSpikeNeuron <{TABLES}> (x, scale) c = Concat <axis=1> (s, r, s) y = Conv (c, w)"
    network = Network(model_of(body, "N,2,4,4", {"w": (2, 6, 1, 1)}))
    assert sorted(n.output[0] for n in network.sources("c")) == ["r", "s"]
    assert set(fanouts(network)["s"].ravel()) == {4}


def test_open_axes_need_a_sample():
    model = model_of("y = Conv (s, w)", "N,2,H,W", {"w": (3, 2, 3, 3)})
    with pytest.raises(ModelError, match="the shape of tensor"):
        fanouts(Network(model))
    assert fanouts(Network(model, {"x": (2, 5, 5)}))["s"].sum() == 9 * 9 * 2 * 3


MOVED = {
    "gathered": ("a = Gather <axis=1> (s, i) y = Conv (a, w)", {"w": (3, 3, 2, 2)}, {"i": [1, 0, 1]}),
    "expanded": (
        "p = GlobalMaxPool (s) a = Expand (p, shape) y = Conv (a, w)",
        {"w": (3, 2, 2, 2)},
        {"shape": [1, 2, 4, 4]},
    ),
    "depth to space": ("a = SpaceToDepth <blocksize=2> (s) y = Conv (a, w)", {"w": (3, 8, 1, 2)}, {}),
    "resized, nearest": (
        'a = Resize <mode="nearest", axes=[2,3]> (s, , , sizes) y = Conv (a, w)',
        {"w": (3, 2, 3, 3)},
        {"sizes": [7, 9]},
    ),
    "reduced": ("a = ReduceMax <keepdims=0> (s, axes) y = Gemm (a, w)", {"w": (2, 7)}, {"axes": [2, 3]}),
}


@pytest.mark.parametrize("name", MOVED)
def test_what_moves_spikes(name):
    body, weights, constants = MOVED[name]
    model = model_of(body, "N,2,4,4", weights, constants)
    np.testing.assert_array_equal(fanouts(Network(model))["s"], measured(model, (2, 4, 4)))


@pytest.mark.parametrize("mode", ["linear", "cubic"])
@pytest.mark.parametrize("size", [7, 3])
def test_an_interpolated_spike_costs_each_pixel_that_it_reaches(mode, size):
    """Of a convolution of one weight, that is the number of pixels that are not 0."""
    body = f'a = Resize <mode="{mode}", axes=[2,3]> (s, , , sizes) y = Conv (a, w)'
    model = model_of(body, "N,1,5,4", {"w": (1, 1, 1, 1)}, {"sizes": [size, 8]})
    bare = onnx.ModelProto()
    bare.CopyFrom(model)
    next(n for n in bare.graph.node if n.domain).CopyFrom(helper.make_node("Identity", ["x"], ["s"]))
    hot = np.eye(20, dtype=np.float32).reshape(20, 1, 5, 4)
    reached = ort.InferenceSession(bare.SerializeToString(), providers=["CPUExecutionProvider"]).run(None, {"x": hot})[
        0
    ]
    expected = np.count_nonzero(reached, axis=(1, 2, 3)).reshape(1, 1, 5, 4)
    np.testing.assert_array_equal(fanouts(Network(model))["s"], expected)
